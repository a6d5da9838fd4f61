import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

/**
 * Secrets in HashiCorp Vault or the environment, with libhandsfree_secrets and the foreign-function API of Java 22.
 *
 * <p>Any number of threads may use one object at once, but none after {@link #close}. A call blocks its thread;
 * a virtual thread pins its carrier thread, except with {@code HandsfreeQueue}. Values are byte arrays in UTF-8, so that
 * callers can wipe them with {@link Arrays#fill(byte[], byte)}.
 *
 * <p>The library is found as the dynamic linker finds it ({@code LD_LIBRARY_PATH}, {@code ldconfig}).
 */
public final class HandsfreeSecrets implements AutoCloseable {
    private static final int OK = 0;
    private static final int NOT_FOUND = 1;
    private static final int MISMATCH = 3;

    private static final Linker LINKER = Linker.nativeLinker();
    private static final SymbolLookup LIBRARY =
            SymbolLookup.libraryLookup("libhandsfree_secrets.so.0", Arena.global());

    private static final MethodHandle OPEN = function("hf_manager_open", JAVA_INT, 4);
    private static final MethodHandle CHECK = function("hf_manager_check", JAVA_INT, 3);
    private static final MethodHandle MANAGER_FREE = procedure("hf_manager_free");
    static final MethodHandle STORE = function("hf_store_secret", JAVA_INT, 7);
    static final MethodHandle GET = function("hf_get_secret", JAVA_INT, 5);
    static final MethodHandle UPDATE = function("hf_update_secret", JAVA_INT, 6);
    static final MethodHandle DELETE = function("hf_delete_secret", JAVA_INT, 4);
    private static final MethodHandle LIST = function("hf_list_secrets", JAVA_INT, 5);
    private static final MethodHandle FREE_STRING = procedure("hf_free_string");
    private static final MethodHandle LIST_LENGTH = function("hf_string_list_len", JAVA_LONG, 1);
    private static final MethodHandle LIST_GET = function("hf_string_list_get", ADDRESS, ADDRESS, JAVA_LONG);
    private static final MethodHandle LIST_FREE = procedure("hf_string_list_free");
    private static final MethodHandle REQUEST = function("hf_request", JAVA_INT, 8);
    private static final MethodHandle BYTES_DATA = function("hf_bytes_data", ADDRESS, 1);
    private static final MethodHandle BYTES_LENGTH = function("hf_bytes_len", JAVA_LONG, 1);
    private static final MethodHandle BYTES_FREE = procedure("hf_bytes_free");
    private static final MethodHandle ERROR_MESSAGE = function("hf_error_message", ADDRESS, 1);
    private static final MethodHandle ERROR_FREE = procedure("hf_error_free");

    /** A failed call. The message says what failed and what to do next, and contains no secret. */
    public static final class VaultException extends RuntimeException {
        private final int status;

        private VaultException(int status, String message) {
            super(message);
            this.status = status;
        }

        /** The number of the status in the C header, such as -8 for HF_ERR_TIMEOUT. */
        public int status() {
            return status;
        }
    }

    /** The answer of the server to a request: the HTTP status and the whole body, empty for the status 204. */
    public record Response(int status, byte[] body) {}

    private final MemorySegment manager;
    private volatile boolean closed;

    /** Opens a manager, configured by the environment: SECRET_MANAGER_TYPE, VAULT_ADDR and so on. */
    public HandsfreeSecrets() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(ADDRESS);
            found(arena, error -> (int) OPEN.invokeExact(MemorySegment.NULL, MemorySegment.NULL, out, error));
            manager = out.get(ADDRESS, 0);
        }
    }

    /** Stores a value under a key, replacing an existing secret, and returns its reference. */
    public String store(String key, byte[] value) {
        try (Arena arena = Arena.ofConfined(); Wiped text = Wiped.text(value)) {
            MemorySegment name = cString(arena, key);
            MemorySegment out = arena.allocate(ADDRESS);
            found(arena, error -> (int) STORE.invokeExact(handle(), name, text.segment, MemorySegment.NULL,
                    MemorySegment.NULL, out, error));
            return new String(take(out.get(ADDRESS, 0)), StandardCharsets.UTF_8);
        }
    }

    /** Returns the value that a reference names. Wipe it when it is no longer needed. */
    public Optional<byte[]> get(String reference) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = cString(arena, reference);
            MemorySegment out = arena.allocate(ADDRESS);
            boolean found = found(arena,
                    error -> (int) GET.invokeExact(handle(), name, MemorySegment.NULL, out, error));
            return found ? Optional.of(take(out.get(ADDRESS, 0))) : Optional.empty();
        }
    }

    /** Replaces the value that a reference names and keeps its metadata. Returns false if the secret does not exist. */
    public boolean update(String reference, byte[] value) {
        try (Arena arena = Arena.ofConfined(); Wiped text = Wiped.text(value)) {
            MemorySegment name = cString(arena, reference);
            return found(arena, error -> (int) UPDATE.invokeExact(handle(), name, text.segment, MemorySegment.NULL,
                    MemorySegment.NULL, error));
        }
    }

    /** Deletes the secret that a reference names with all its versions. Returns false if it does not exist. */
    public boolean delete(String reference) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = cString(arena, reference);
            return found(arena, error -> (int) DELETE.invokeExact(handle(), name, MemorySegment.NULL, error));
        }
    }

    /** Returns the references of the secrets whose path starts with a prefix, sorted; "" for all. */
    public List<String> list(String prefix) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = cString(arena, prefix);
            MemorySegment out = arena.allocate(ADDRESS);
            found(arena, error -> (int) LIST.invokeExact(handle(), name, MemorySegment.NULL, out, error));
            return references(out.get(ADDRESS, 0));
        }
    }

    /** Checks that a server answers, is unsealed, and takes the token. */
    public void check() {
        try (Arena arena = Arena.ofConfined()) {
            found(arena, error -> (int) CHECK.invokeExact(handle(), MemorySegment.NULL, error));
        }
    }

    /**
     * Sends a request to /v1/path: GET, LIST, POST, PUT, PATCH or DELETE. The JSON is sent to the letter; null for
     * none. Empty if there is nothing at the path.
     */
    public Optional<Response> request(String method, String path, byte[] json) {
        try (Arena arena = Arena.ofConfined(); Wiped text = json == null ? null : Wiped.text(json)) {
            MemorySegment content = text == null ? MemorySegment.NULL : text.segment;
            MemorySegment verb = cString(arena, method);
            MemorySegment name = cString(arena, path);
            MemorySegment status = arena.allocate(JAVA_INT);
            MemorySegment body = arena.allocate(ADDRESS);
            boolean found = found(arena, error -> (int) REQUEST.invokeExact(handle(), verb, name, content,
                    MemorySegment.NULL, status, body, error));
            return found
                    ? Optional.of(new Response(status.get(JAVA_INT, 0), takeBytes(body.get(ADDRESS, 0))))
                    : Optional.empty();
        }
    }

    /** Frees the manager; no call may be running. Sends no request, and may be called again. */
    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            free(MANAGER_FREE, manager);
        }
    }

    MemorySegment handle() {
        if (closed) {
            throw new IllegalStateException("the manager is closed");
        }
        return manager;
    }

    /** Converts a text for C. A text that contains a NUL is refused, because C would truncate it. */
    static MemorySegment cString(Arena arena, String text) {
        if (text.indexOf('\0') >= 0) {
            throw new IllegalArgumentException("a key, reference, path or name holds U+0000");
        }
        return arena.allocateFrom(text);
    }

    private static List<String> references(MemorySegment list) {
        try {
            List<String> references = new ArrayList<>();
            long length = (long) LIST_LENGTH.invokeExact(list);
            for (long index = 0; index < length; index++) {
                references.add(text((MemorySegment) LIST_GET.invokeExact(list, index)));
            }
            return references;
        } catch (Throwable impossible) {
            throw new AssertionError(impossible);
        } finally {
            free(LIST_FREE, list);
        }
    }

    /** A C call, which gets the out-parameter for the error. */
    interface Call {
        int run(MemorySegment error) throws Throwable;
    }

    /** Returns true for HF_OK and false for HF_NOT_FOUND and HF_MISMATCH; throws for other statuses. */
    static boolean found(Arena arena, Call call) {
        MemorySegment out = arena.allocate(ADDRESS);
        int status;
        try {
            status = call.run(out);
        } catch (RuntimeException callers) {
            throw callers;
        } catch (Throwable impossible) {
            throw new AssertionError(impossible);
        }
        return found(status, out.get(ADDRESS, 0));
    }

    /** The same for a call that has ended. Frees its error. */
    static boolean found(int status, MemorySegment error) {
        if (status == OK || status == NOT_FOUND || status == MISMATCH) {
            return status == OK;
        }
        try {
            throw failure(status, error);
        } finally {
            free(ERROR_FREE, error);
        }
    }

    /** The exception for an error, which it only borrows. */
    static VaultException failure(int status, MemorySegment error) {
        try {
            return new VaultException(status, text((MemorySegment) ERROR_MESSAGE.invokeExact(error)));
        } catch (Throwable impossible) {
            throw new AssertionError(impossible);
        }
    }

    /** Copies a string that C returned; the library wipes and frees its copy. */
    static byte[] take(MemorySegment text) {
        try {
            MemorySegment all = text.reinterpret(Long.MAX_VALUE);
            long length = 0;
            while (all.get(JAVA_BYTE, length) != 0) {
                length++;
            }
            return all.asSlice(0, length).toArray(JAVA_BYTE);
        } finally {
            free(FREE_STRING, text);
        }
    }

    /** Copies bytes that C returned; the library wipes and frees its copy. */
    static byte[] takeBytes(MemorySegment bytes) {
        try {
            long length = (long) BYTES_LENGTH.invokeExact(bytes);
            return ((MemorySegment) BYTES_DATA.invokeExact(bytes)).reinterpret(length).toArray(JAVA_BYTE);
        } catch (Throwable impossible) {
            throw new AssertionError(impossible);
        } finally {
            free(BYTES_FREE, bytes);
        }
    }

    /** Copies a borrowed text; "" for NULL, which C returns in place of a text that holds U+0000. */
    static String text(MemorySegment borrowed) {
        return borrowed.equals(MemorySegment.NULL) ? "" : borrowed.reinterpret(Long.MAX_VALUE).getString(0);
    }

    /** A value in native memory, wiped at the end. */
    static final class Wiped implements AutoCloseable {
        private final Arena arena = Arena.ofConfined();
        final MemorySegment segment;

        /** Copies bytes and appends a NUL. */
        Wiped(byte[] value) {
            segment = arena.allocate(value.length + 1L);
            MemorySegment.copy(value, 0, segment, JAVA_BYTE, 0, value.length);
        }

        /** A text without a NUL, at which C would truncate it. */
        static Wiped text(byte[] value) {
            for (byte each : value) {
                if (each == 0) {
                    throw new IllegalArgumentException("the value holds U+0000, which this library cannot carry");
                }
            }
            return new Wiped(value);
        }

        @Override
        public void close() {
            segment.fill((byte) 0);
            arena.close();
        }
    }

    private static MemorySegment symbol(String name) {
        return LIBRARY.find(name).orElseThrow(() -> new UnsatisfiedLinkError(name));
    }

    static MethodHandle function(String name, MemoryLayout result, MemoryLayout... parameters) {
        return LINKER.downcallHandle(symbol(name), FunctionDescriptor.of(result, parameters));
    }

    /** A function whose parameters are pointers. */
    static MethodHandle function(String name, MemoryLayout result, int pointers) {
        MemoryLayout[] parameters = new MemoryLayout[pointers];
        Arrays.fill(parameters, ADDRESS);
        return function(name, result, parameters);
    }

    static MethodHandle procedure(String name) {
        return LINKER.downcallHandle(symbol(name), FunctionDescriptor.ofVoid(ADDRESS));
    }

    static void free(MethodHandle procedure, MemorySegment pointer) {
        try {
            procedure.invokeExact(pointer);
        } catch (Throwable impossible) {
            throw new AssertionError(impossible);
        }
    }
}
