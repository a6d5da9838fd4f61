import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

/**
 * A key of Vault's transit engine: the server encrypts, decrypts and signs with keys that it does not give away.
 *
 * <p>Any number of threads may use one object at once, but none after {@link #close}. Data are byte arrays, so that
 * callers can wipe them. Ciphertexts, signatures and HMACs are texts such as "vault:v1:…".
 *
 * <p>Parameters have the names of the engine: "context" and "associated_data" are bytes; "key_version",
 * "hash_algorithm", "signature_algorithm", "prehashed" and "marshaling_algorithm" are texts or JSON. They are null for
 * none.
 */
public final class HandsfreeTransit extends HandsfreeDocuments.Owned {
    private static final MethodHandle OPEN = HandsfreeSecrets.function("hf_transit_open", JAVA_INT, 5);
    private static final MethodHandle FREE = HandsfreeSecrets.procedure("hf_transit_free");
    private static final MethodHandle ENCRYPT = ofData("hf_transit_encrypt");
    private static final MethodHandle DECRYPT = HandsfreeSecrets.function("hf_transit_decrypt", JAVA_INT, 6);
    private static final MethodHandle REWRAP = HandsfreeSecrets.function("hf_transit_rewrap", JAVA_INT, 6);
    private static final MethodHandle DATA_KEY = HandsfreeSecrets.function("hf_transit_data_key", JAVA_INT, 6);
    private static final MethodHandle SIGN = ofData("hf_transit_sign");
    private static final MethodHandle HMAC = ofData("hf_transit_hmac");
    private static final MethodHandle VERIFY = ofData("hf_transit_verify");

    /**
     * A random key for encryption by the program itself, and the same key encrypted under the key of the engine, from which
     * {@link #decrypt} gives it back. Wipe the key.
     */
    public record DataKey(byte[] key, String wrapped) {}

    private HandsfreeTransit(MemorySegment handle) {
        super(handle, FREE);
    }

    /**
     * Opens a key of the engine at VAULT_TRANSIT_MOUNT. Empty if there is no such key: no operation makes a key by a
     * mistyped name. The key stays usable when the manager is closed.
     */
    public static Optional<HandsfreeTransit> open(HandsfreeSecrets secrets, String key) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = HandsfreeSecrets.cString(arena, key);
            MemorySegment out = arena.allocate(ADDRESS);
            boolean found = HandsfreeSecrets.found(arena,
                    error -> (int) OPEN.invokeExact(secrets.handle(), name, MemorySegment.NULL, out, error));
            return found ? Optional.of(new HandsfreeTransit(out.get(ADDRESS, 0))) : Optional.empty();
        }
    }

    /** Encrypts data. */
    public String encrypt(byte[] data, HandsfreeDocuments.Fields parameters) {
        return textOf(ENCRYPT, data, parameters);
    }

    /** Decrypts a ciphertext, with the context and the associated data of its encryption. Wipe the data. */
    public byte[] decrypt(String ciphertext, HandsfreeDocuments.Fields parameters) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment text = HandsfreeSecrets.cString(arena, ciphertext);
            MemorySegment out = arena.allocate(ADDRESS);
            HandsfreeSecrets.found(arena, error -> (int) DECRYPT.invokeExact(handle(), text,
                    orNull(parameters), MemorySegment.NULL, out, error));
            return HandsfreeSecrets.takeBytes(out.get(ADDRESS, 0));
        }
    }

    /** Encrypts the data of a ciphertext under the latest version of the key, without showing them. */
    public String rewrap(String ciphertext, HandsfreeDocuments.Fields parameters) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment text = HandsfreeSecrets.cString(arena, ciphertext);
            MemorySegment out = arena.allocate(ADDRESS);
            HandsfreeSecrets.found(arena, error -> (int) REWRAP.invokeExact(handle(), text,
                    orNull(parameters), MemorySegment.NULL, out, error));
            return new String(HandsfreeSecrets.take(out.get(ADDRESS, 0)), StandardCharsets.UTF_8);
        }
    }

    /** Makes a data key, of 256 bits unless the parameter "bits" says otherwise. */
    public DataKey dataKey(HandsfreeDocuments.Fields parameters) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment key = arena.allocate(ADDRESS);
            MemorySegment wrapped = arena.allocate(ADDRESS);
            HandsfreeSecrets.found(arena, error -> (int) DATA_KEY.invokeExact(handle(), orNull(parameters),
                    MemorySegment.NULL, key, wrapped, error));
            byte[] text = HandsfreeSecrets.take(wrapped.get(ADDRESS, 0));
            return new DataKey(HandsfreeSecrets.takeBytes(key.get(ADDRESS, 0)), new String(text, StandardCharsets.UTF_8));
        }
    }

    /** Signs data. */
    public String sign(byte[] data, HandsfreeDocuments.Fields parameters) {
        return textOf(SIGN, data, parameters);
    }

    /** Makes an HMAC of data, which every key can do. */
    public String hmac(byte[] data, HandsfreeDocuments.Fields parameters) {
        return textOf(HMAC, data, parameters);
    }

    /** Returns whether a signature, or an HMAC, is one of the data. The parameters are those that made it. */
    public boolean verify(byte[] data, String signature, HandsfreeDocuments.Fields parameters) {
        try (Arena arena = Arena.ofConfined(); HandsfreeSecrets.Wiped content = new HandsfreeSecrets.Wiped(data)) {
            MemorySegment text = HandsfreeSecrets.cString(arena, signature);
            return HandsfreeSecrets.found(arena, error -> (int) VERIFY.invokeExact(handle(), content.segment,
                    (long) data.length, text, orNull(parameters), MemorySegment.NULL, error));
        }
    }

    private String textOf(MethodHandle function, byte[] data, HandsfreeDocuments.Fields parameters) {
        try (Arena arena = Arena.ofConfined(); HandsfreeSecrets.Wiped content = new HandsfreeSecrets.Wiped(data)) {
            MemorySegment out = arena.allocate(ADDRESS);
            HandsfreeSecrets.found(arena, error -> (int) function.invokeExact(handle(), content.segment,
                    (long) data.length, orNull(parameters), MemorySegment.NULL, out, error));
            return new String(HandsfreeSecrets.take(out.get(ADDRESS, 0)), StandardCharsets.UTF_8);
        }
    }

    static MemorySegment orNull(HandsfreeDocuments.Fields parameters) {
        return parameters == null ? MemorySegment.NULL : parameters.handle();
    }

    /** A function of a key, data, their length, and four more pointers. */
    private static MethodHandle ofData(String name) {
        return HandsfreeSecrets.function(
                name, JAVA_INT, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS, ADDRESS, ADDRESS, ADDRESS);
    }
}
