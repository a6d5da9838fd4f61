import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.Arrays;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

/**
 * Envelopes: data of any size, encrypted in the program with a data key of Vault's transit engine, which stands wrapped in
 * front of them. docs/envelope.md describes the format.
 *
 * <p>Any number of threads may use one key at once. Parameters are "context" and "associated_data", both bytes; null for
 * none. An envelope that was changed, cut off or lengthened, or is of another key, is a VaultException with the status -1.
 */
public final class HandsfreeEnvelopes {
    private static final MethodHandle ENCRYPT = ofData("hf_envelope_encrypt");
    private static final MethodHandle DECRYPT = ofData("hf_envelope_decrypt");
    private static final MethodHandle ENCRYPTOR = HandsfreeSecrets.function("hf_envelope_encryptor", JAVA_INT, 5);
    private static final MethodHandle DECRYPTOR = HandsfreeSecrets.function("hf_envelope_decryptor", JAVA_INT, 5);
    private static final MethodHandle UPDATE = HandsfreeSecrets.function(
            "hf_envelope_update", JAVA_INT, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS, ADDRESS, ADDRESS);
    private static final MethodHandle FINISH = HandsfreeSecrets.function("hf_envelope_finish", JAVA_INT, 4);
    private static final MethodHandle FREE = HandsfreeSecrets.procedure("hf_envelope_free");
    private static final MethodHandle REWRAP = HandsfreeSecrets.function(
            "hf_envelope_rewrap", JAVA_INT, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS, ADDRESS, ADDRESS);

    private static final int PART = 64 * 1024;

    private HandsfreeEnvelopes() {}

    /** Encrypts data as a whole. */
    public static byte[] encrypt(HandsfreeTransit key, byte[] data, HandsfreeDocuments.Fields parameters) {
        return whole(ENCRYPT, key, data, parameters);
    }

    /** Decrypts an envelope as a whole. "context" may be left out, since it stands in the envelope. Wipe the data. */
    public static byte[] decrypt(HandsfreeTransit key, byte[] envelope, HandsfreeDocuments.Fields parameters) {
        return whole(DECRYPT, key, envelope, parameters);
    }

    /** Encrypts all that can be read, in constant memory. Closes neither stream. */
    public static void encrypt(HandsfreeTransit key, InputStream from, OutputStream to,
            HandsfreeDocuments.Fields parameters) throws IOException {
        pass(ENCRYPTOR, key, from, to, parameters);
    }

    /**
     * Decrypts an envelope, in constant memory. Closes neither stream. What is written is authentic, but after an
     * exception it may be a beginning of the data only.
     */
    public static void decrypt(HandsfreeTransit key, InputStream from, OutputStream to,
            HandsfreeDocuments.Fields parameters) throws IOException {
        pass(DECRYPTOR, key, from, to, parameters);
    }

    /**
     * Wraps the data key of an envelope under the latest version of the key. Takes the envelope or its first 8200 bytes,
     * and returns the new header, which takes the place of the old one.
     */
    public static byte[] rewrap(HandsfreeTransit key, byte[] start) {
        return made(start, (content, out, error) -> (int) REWRAP.invokeExact(key.handle(), content, (long) start.length,
                MemorySegment.NULL, out, error));
    }

    /** A C function that takes bytes, and makes bytes. */
    private interface Making {
        int run(MemorySegment content, MemorySegment out, MemorySegment error) throws Throwable;
    }

    private static byte[] made(byte[] data, Making making) {
        try (Arena arena = Arena.ofConfined(); HandsfreeSecrets.Wiped content = new HandsfreeSecrets.Wiped(data)) {
            MemorySegment out = arena.allocate(ADDRESS);
            HandsfreeSecrets.found(arena, error -> making.run(content.segment, out, error));
            return HandsfreeSecrets.takeBytes(out.get(ADDRESS, 0));
        }
    }

    private static byte[] whole(MethodHandle function, HandsfreeTransit key, byte[] data,
            HandsfreeDocuments.Fields parameters) {
        return made(data, (content, out, error) -> (int) function.invokeExact(key.handle(), content, (long) data.length,
                HandsfreeTransit.orNull(parameters), MemorySegment.NULL, out, error));
    }

    private static void pass(MethodHandle begin, HandsfreeTransit key, InputStream from, OutputStream to,
            HandsfreeDocuments.Fields parameters) throws IOException {
        byte[] part = new byte[PART];
        MemorySegment stream = begun(begin, key, parameters);
        try {
            for (int count = from.readNBytes(part, 0, PART); count > 0; count = from.readNBytes(part, 0, PART)) {
                long length = count;
                write(to, made(part, (content, out, error) -> (int) UPDATE.invokeExact(stream, content, length,
                        MemorySegment.NULL, out, error)));
            }
            write(to, made(new byte[0], (content, out, error) -> (int) FINISH.invokeExact(stream, MemorySegment.NULL, out,
                    error)));
        } finally {
            Arrays.fill(part, (byte) 0);
            HandsfreeSecrets.free(FREE, stream);
        }
    }

    private static MemorySegment begun(MethodHandle begin, HandsfreeTransit key, HandsfreeDocuments.Fields parameters) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(ADDRESS);
            HandsfreeSecrets.found(arena, error -> (int) begin.invokeExact(key.handle(),
                    HandsfreeTransit.orNull(parameters), MemorySegment.NULL, out, error));
            return out.get(ADDRESS, 0);
        }
    }

    private static void write(OutputStream to, byte[] bytes) throws IOException {
        try {
            to.write(bytes);
        } finally {
            Arrays.fill(bytes, (byte) 0);
        }
    }

    private static MethodHandle ofData(String name) {
        return HandsfreeSecrets.function(
                name, JAVA_INT, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS, ADDRESS, ADDRESS, ADDRESS);
    }
}
