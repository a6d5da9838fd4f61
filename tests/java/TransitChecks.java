import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** The transit engine in the Java classes, on a real server. Run by tests/bindings/examples/java.rs. */
public final class TransitChecks extends Checks {
    private static final String MOUNT = System.getenv("VAULT_TRANSIT_MOUNT");
    private static final byte[] DATA = {0, 1, (byte) 255, 0};

    private TransitChecks() {}

    public static void main(String[] arguments) {
        try (HandsfreeSecrets secrets = new HandsfreeSecrets()) {
            dataComeBackFromTheirCiphertext(secrets);
            contextAndAssociatedDataCount(secrets);
            aRotatedKeyRewraps(secrets);
            dataKeysComeBack(secrets);
            eachOfManyItemsHasItsOutcome(secrets);
            signaturesAndHmacsAreVerified(secrets);
            theParametersOfASignatureCount(secrets);
            aMistypedNameMakesNoKey(secrets);
            mistakesAreRefused(secrets);
        }
        aKeyStaysUsableWhenTheManagerIsClosed();
    }

    private static void dataComeBackFromTheirCiphertext(HandsfreeSecrets secrets) {
        try (HandsfreeTransit key = create(secrets, "bytes", "{}")) {
            for (byte[] data : List.of(new byte[0], DATA, new byte[100_000])) {
                String ciphertext = key.encrypt(data, null);
                expect(true, ciphertext.startsWith("vault:v1:"));
                expect(true, Arrays.equals(data, key.decrypt(ciphertext, null)));
            }
        }
    }

    private static void contextAndAssociatedDataCount(HandsfreeSecrets secrets) {
        try (HandsfreeTransit key = create(secrets, "derived", "{\"derived\": true}");
                HandsfreeDocuments.Fields first = new HandsfreeDocuments.Fields();
                HandsfreeDocuments.Fields other = new HandsfreeDocuments.Fields()) {
            first.bytes("context", DATA).bytes("associated_data", utf8("table"));
            other.bytes("context", DATA).bytes("associated_data", utf8("another table"));
            String ciphertext = key.encrypt(DATA, first);
            expect(true, Arrays.equals(DATA, key.decrypt(ciphertext, first)));
            expect(-1, failure(() -> key.decrypt(ciphertext, other)));
            expect(-1, failure(() -> key.encrypt(DATA, null)));
            post(secrets, MOUNT + "/keys/derived/rotate", "{}");
            first.json("key_version", utf8("1"));
            expect(true, key.encrypt(DATA, first).startsWith("vault:v1:"));
        }
    }

    private static void aRotatedKeyRewraps(HandsfreeSecrets secrets) {
        try (HandsfreeTransit key = create(secrets, "rotated", "{}")) {
            String before = key.encrypt(DATA, null);
            post(secrets, MOUNT + "/keys/rotated/rotate", "{}");
            String after = key.rewrap(before, null);
            expect(true, after.startsWith("vault:v2:"));
            expect(true, Arrays.equals(DATA, key.decrypt(after, null)));
            for (HandsfreeTransitMany.Outcome<String> each
                    : HandsfreeTransitMany.rewrap(key, List.of(before, before), null, null)) {
                expect(true, each.orElseThrow().startsWith("vault:v2:"));
            }
        }
    }

    private static void dataKeysComeBack(HandsfreeSecrets secrets) {
        try (HandsfreeTransit key = create(secrets, "wraps", "{}");
                HandsfreeDocuments.Fields small = new HandsfreeDocuments.Fields()) {
            HandsfreeTransit.DataKey made = key.dataKey(null);
            expect(32, made.key().length);
            expect(true, Arrays.equals(made.key(), key.decrypt(made.wrapped(), null)));
            expect(16, key.dataKey(small.json("bits", utf8("128"))).key().length);
        }
    }

    private static void eachOfManyItemsHasItsOutcome(HandsfreeSecrets secrets) {
        try (HandsfreeTransit key = create(secrets, "many", "{}");
                HandsfreeDocuments.Fields row = new HandsfreeDocuments.Fields()) {
            row.bytes("associated_data", utf8("row"));
            List<HandsfreeDocuments.Fields> each = Arrays.asList(row, null, null);
            List<String> sealed = new ArrayList<>();
            HandsfreeTransitMany.encrypt(key, List.of(DATA, DATA, new byte[0]), null, each)
                    .forEach(outcome -> sealed.add(outcome.orElseThrow()));
            sealed.set(1, "vault:v1:AAAA");
            List<HandsfreeTransitMany.Outcome<byte[]>> opened = HandsfreeTransitMany.decrypt(key, sealed, null, each);
            expect(3, opened.size());
            expect(true, Arrays.equals(DATA, opened.get(0).orElseThrow()));
            expect(-1, failure(() -> opened.get(1).orElseThrow()));
            expect(0, opened.get(2).value().length);
            expect(List.of(), HandsfreeTransitMany.decrypt(key, List.of(), null, null));
            refused(IllegalArgumentException.class, () -> HandsfreeTransitMany.decrypt(key, sealed, null, List.of()));
        }
    }

    private static void signaturesAndHmacsAreVerified(HandsfreeSecrets secrets) {
        for (String kind : List.of("ed25519", "ecdsa-p256")) {
            try (HandsfreeTransit key = create(secrets, kind, "{\"type\": \"" + kind + "\"}")) {
                for (String made : List.of(key.sign(DATA, null), key.hmac(DATA, null))) {
                    expect(true, key.verify(DATA, made, null));
                    expect(false, key.verify(new byte[0], made, null));
                }
            }
        }
    }

    private static void theParametersOfASignatureCount(HandsfreeSecrets secrets) {
        try (HandsfreeTransit key = create(secrets, "rsa", "{\"type\": \"rsa-2048\"}");
                HandsfreeDocuments.Fields how = new HandsfreeDocuments.Fields()) {
            how.text("hash_algorithm", utf8("sha2-512")).text("signature_algorithm", utf8("pkcs1v15"));
            String signature = key.sign(DATA, how);
            expect(true, key.verify(DATA, signature, how));
            expect(false, key.verify(DATA, signature, null));
        }
    }

    private static void aMistypedNameMakesNoKey(HandsfreeSecrets secrets) {
        expect(Optional.empty(), HandsfreeTransit.open(secrets, "typo"));
        expect(Optional.empty(), secrets.request("GET", MOUNT + "/keys/typo", null));
        expect(-1, failure(() -> HandsfreeTransit.open(secrets, "a/b")));
    }

    private static void mistakesAreRefused(HandsfreeSecrets secrets) {
        HandsfreeTransit key = create(secrets, "mistakes", "{}");
        try (HandsfreeDocuments.Fields wrong = new HandsfreeDocuments.Fields()) {
            wrong.bytes("contxt", DATA);
            expect(-1, failure(() -> key.encrypt(DATA, wrong)));
        }
        expect(-1, failure(() -> key.decrypt("nonsense", null)));
        expect(-14, failure(() -> key.sign(DATA, null)));
        refused(IllegalArgumentException.class, () -> key.decrypt("vault:v1:\0", null));
        key.close();
        key.close();
        refused(IllegalStateException.class, () -> key.encrypt(DATA, null));
    }

    private static void aKeyStaysUsableWhenTheManagerIsClosed() {
        HandsfreeTransit key;
        try (HandsfreeSecrets secrets = new HandsfreeSecrets()) {
            key = create(secrets, "alone", "{}");
        }
        try (key) {
            expect(true, Arrays.equals(DATA, key.decrypt(key.encrypt(DATA, null), null)));
        }
    }

    private static HandsfreeTransit create(HandsfreeSecrets secrets, String name, String json) {
        post(secrets, MOUNT + "/keys/" + name, json);
        return HandsfreeTransit.open(secrets, name).orElseThrow();
    }}
