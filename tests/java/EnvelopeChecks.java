import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Envelopes in the Java classes, on a real server. Run by tests/bindings/examples/java.rs. */
public final class EnvelopeChecks extends Checks {
    private static final String MOUNT = System.getenv("VAULT_TRANSIT_MOUNT");

    private EnvelopeChecks() {}

    public static void main(String[] arguments) throws IOException {
        try (HandsfreeSecrets secrets = new HandsfreeSecrets()) {
            post(secrets, MOUNT + "/keys/files", "{}");
            try (HandsfreeTransit key = HandsfreeTransit.open(secrets, "files").orElseThrow()) {
                dataComeBack(key);
                associatedDataCount(key);
                changedEnvelopesAreRefused(key);
                aRewrapReplacesTheHeader(secrets, key);
            }
        }
    }

    private static byte[] data(int length) {
        byte[] data = new byte[length];
        for (int index = 0; index < length; index++) {
            data[index] = (byte) (index % 251);
        }
        return data;
    }

    private static void dataComeBack(HandsfreeTransit key) throws IOException {
        for (int length : new int[] {0, 1, 64 * 1024, 1_000_000}) {
            byte[] data = data(length);
            ByteArrayOutputStream sealed = new ByteArrayOutputStream();
            HandsfreeEnvelopes.encrypt(key, new ByteArrayInputStream(data), sealed, null);
            for (byte[] envelope : new byte[][] {sealed.toByteArray(), HandsfreeEnvelopes.encrypt(key, data, null)}) {
                ByteArrayOutputStream opened = new ByteArrayOutputStream();
                HandsfreeEnvelopes.decrypt(key, new ByteArrayInputStream(envelope), opened, null);
                expect(true, Arrays.equals(data, opened.toByteArray()));
                expect(true, Arrays.equals(data, HandsfreeEnvelopes.decrypt(key, envelope, null)));
            }
        }
    }

    private static void associatedDataCount(HandsfreeTransit key) {
        try (HandsfreeDocuments.Fields file = new HandsfreeDocuments.Fields()) {
            file.bytes("associated_data", utf8("file 7"));
            byte[] envelope = HandsfreeEnvelopes.encrypt(key, data(10), file);
            expect(true, Arrays.equals(data(10), HandsfreeEnvelopes.decrypt(key, envelope, file)));
            expect(-1, failure(() -> HandsfreeEnvelopes.decrypt(key, envelope, null)));
        }
    }

    private static void changedEnvelopesAreRefused(HandsfreeTransit key) throws IOException {
        byte[] data = data(200_000);
        byte[] envelope = HandsfreeEnvelopes.encrypt(key, data, null);
        ByteArrayOutputStream part = new ByteArrayOutputStream();
        byte[] cut = Arrays.copyOf(envelope, envelope.length - 1);
        try {
            HandsfreeEnvelopes.decrypt(key, new ByteArrayInputStream(cut), part, null);
            throw new AssertionError("a cut envelope was accepted");
        } catch (HandsfreeSecrets.VaultException refusal) {
            expect(true, refusal.status() == -1 && part.size() > 100_000);
            expect(true, Arrays.equals(part.toByteArray(), Arrays.copyOf(data, part.size())));
        }
        envelope[150_000] ^= 1;
        expect(-1, failure(() -> HandsfreeEnvelopes.decrypt(key, envelope, null)));
        expect(-1, failure(() -> HandsfreeEnvelopes.decrypt(key, data, null)));
    }

    private static void aRewrapReplacesTheHeader(HandsfreeSecrets secrets, HandsfreeTransit key) throws IOException {
        byte[] data = data(100);
        byte[] envelope = HandsfreeEnvelopes.encrypt(key, data, null);
        post(secrets, MOUNT + "/keys/files/rotate", "{}");
        byte[] header = HandsfreeEnvelopes.rewrap(key, envelope);
        expect(true, new String(header, 6, 9, StandardCharsets.US_ASCII).equals("vault:v2:"));
        int wrapped = (envelope[4] & 0xff) << 8 | envelope[5] & 0xff;
        ByteArrayOutputStream replaced = new ByteArrayOutputStream();
        replaced.write(header);
        replaced.write(envelope, 8 + wrapped, envelope.length - 8 - wrapped);
        expect(true, Arrays.equals(data, HandsfreeEnvelopes.decrypt(key, replaced.toByteArray(), null)));
    }}
