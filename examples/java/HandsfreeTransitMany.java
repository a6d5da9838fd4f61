import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.ArrayList;
import java.util.List;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

/**
 * Many items for one key of the transit engine in one call: the library sends as few requests as the server takes, several
 * at a time. Each item has its own outcome, in the order of the arguments.
 *
 * <p>The parameters are as in {@link HandsfreeTransit}: one object for all items, and a list with one for each item, such
 * as its "associated_data", in which an element may be null. Both may be null.
 */
public final class HandsfreeTransitMany {
    private static final MethodHandle ENCRYPT = HandsfreeSecrets.function("hf_transit_encrypt_many", JAVA_INT,
            ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS);
    private static final MethodHandle DECRYPT = ofTexts("hf_transit_decrypt_many");
    private static final MethodHandle REWRAP = ofTexts("hf_transit_rewrap_many");
    private static final MethodHandle STATUS = item("hf_results_status", JAVA_INT);
    private static final MethodHandle TEXT = item("hf_results_text", ADDRESS);
    private static final MethodHandle ERROR = item("hf_results_error", ADDRESS);
    private static final MethodHandle BYTES =
            HandsfreeSecrets.function("hf_results_bytes", ADDRESS, ADDRESS, JAVA_LONG, ADDRESS);
    private static final MethodHandle FREE = HandsfreeSecrets.procedure("hf_results_free");

    private HandsfreeTransitMany() {}

    /** The outcome of an item: a value, or the failure. The other one is null. */
    public record Outcome<T>(T value, HandsfreeSecrets.VaultException failure) {
        /** Returns the value, or throws the failure. */
        public T orElseThrow() {
            if (failure != null) {
                throw failure;
            }
            return value;
        }
    }

    /** Encrypts each item. */
    public static List<Outcome<String>> encrypt(HandsfreeTransit key, List<byte[]> data,
            HandsfreeDocuments.Fields parameters, List<HandsfreeDocuments.Fields> each) {
        try (Arena arena = Arena.ofConfined(); Copies copies = new Copies(data)) {
            MemorySegment own = handles(arena, each, data.size());
            MemorySegment out = arena.allocate(ADDRESS);
            HandsfreeSecrets.found(arena, error -> (int) ENCRYPT.invokeExact(key.handle(), copies.pointers,
                    copies.lengths, (long) data.size(), HandsfreeTransit.orNull(parameters), own, MemorySegment.NULL,
                    out, error));
            return outcomes(out.get(ADDRESS, 0), data.size(), HandsfreeTransitMany::text);
        }
    }

    /** Decrypts each ciphertext. Wipe the data. */
    public static List<Outcome<byte[]>> decrypt(HandsfreeTransit key, List<String> ciphertexts,
            HandsfreeDocuments.Fields parameters, List<HandsfreeDocuments.Fields> each) {
        return ofTexts(DECRYPT, key, ciphertexts, parameters, each, HandsfreeTransitMany::bytes);
    }

    /** Encrypts the data of each ciphertext under the latest version of the key, without showing them. */
    public static List<Outcome<String>> rewrap(HandsfreeTransit key, List<String> ciphertexts,
            HandsfreeDocuments.Fields parameters, List<HandsfreeDocuments.Fields> each) {
        return ofTexts(REWRAP, key, ciphertexts, parameters, each, HandsfreeTransitMany::text);
    }

    private static <T> List<Outcome<T>> ofTexts(MethodHandle function, HandsfreeTransit key, List<String> texts,
            HandsfreeDocuments.Fields parameters, List<HandsfreeDocuments.Fields> each, Value<T> value) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment pointers = arena.allocate(ADDRESS, Math.max(1, texts.size()));
            for (int index = 0; index < texts.size(); index++) {
                pointers.setAtIndex(ADDRESS, index, HandsfreeSecrets.cString(arena, texts.get(index)));
            }
            MemorySegment own = handles(arena, each, texts.size());
            MemorySegment out = arena.allocate(ADDRESS);
            HandsfreeSecrets.found(arena, error -> (int) function.invokeExact(key.handle(), pointers,
                    (long) texts.size(), HandsfreeTransit.orNull(parameters), own, MemorySegment.NULL, out, error));
            return outcomes(out.get(ADDRESS, 0), texts.size(), value);
        }
    }

    private static MemorySegment handles(Arena arena, List<HandsfreeDocuments.Fields> each, int count) {
        if (each == null) {
            return MemorySegment.NULL;
        }
        if (each.size() != count) {
            throw new IllegalArgumentException(each.size() + " parameters for " + count + " items");
        }
        MemorySegment handles = arena.allocate(ADDRESS, Math.max(1, count));
        for (int index = 0; index < count; index++) {
            handles.setAtIndex(ADDRESS, index, HandsfreeTransit.orNull(each.get(index)));
        }
        return handles;
    }

    private interface Value<T> {
        T of(MemorySegment results, long index) throws Throwable;
    }

    private static String text(MemorySegment results, long index) throws Throwable {
        return HandsfreeSecrets.text((MemorySegment) TEXT.invokeExact(results, index));
    }

    private static byte[] bytes(MemorySegment results, long index) throws Throwable {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment length = arena.allocate(JAVA_LONG);
            MemorySegment data = (MemorySegment) BYTES.invokeExact(results, index, length);
            return data.reinterpret(length.get(JAVA_LONG, 0)).toArray(JAVA_BYTE);
        }
    }

    private static <T> List<Outcome<T>> outcomes(MemorySegment results, int count, Value<T> value) {
        try {
            List<Outcome<T>> outcomes = new ArrayList<>(count);
            for (long index = 0; index < count; index++) {
                int status = (int) STATUS.invokeExact(results, index);
                outcomes.add(status == 0
                        ? new Outcome<>(value.of(results, index), null)
                        : new Outcome<>(null, HandsfreeSecrets.failure(
                                status, (MemorySegment) ERROR.invokeExact(results, index))));
            }
            return outcomes;
        } catch (Throwable impossible) {
            throw new AssertionError(impossible);
        } finally {
            HandsfreeSecrets.free(FREE, results);
        }
    }

    /** Copies of the data in native memory, wiped at the end. */
    private static final class Copies implements AutoCloseable {
        private final Arena arena = Arena.ofConfined();
        private final List<HandsfreeSecrets.Wiped> all = new ArrayList<>();
        final MemorySegment pointers;
        final MemorySegment lengths;

        Copies(List<byte[]> data) {
            pointers = arena.allocate(ADDRESS, Math.max(1, data.size()));
            lengths = arena.allocate(JAVA_LONG, Math.max(1, data.size()));
            for (int index = 0; index < data.size(); index++) {
                all.add(new HandsfreeSecrets.Wiped(data.get(index)));
                pointers.setAtIndex(ADDRESS, index, all.get(index).segment);
                lengths.setAtIndex(JAVA_LONG, index, data.get(index).length);
            }
        }

        @Override
        public void close() {
            all.forEach(HandsfreeSecrets.Wiped::close);
            arena.close();
        }
    }

    private static MethodHandle ofTexts(String name) {
        return HandsfreeSecrets.function(name, JAVA_INT,
                ADDRESS, ADDRESS, JAVA_LONG, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS);
    }

    /** A function of the results and an index. */
    private static MethodHandle item(String name, MemoryLayout result) {
        return HandsfreeSecrets.function(name, result, ADDRESS, JAVA_LONG);
    }
}
