import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

/**
 * Documents, which are all fields of one version of a secret, and the versions of secrets, on an open
 * {@link HandsfreeSecrets}.
 *
 * <p>Any number of threads may use one object at once, but none after the manager is closed. Values are byte arrays in
 * UTF-8, so that callers can wipe them.
 */
public final class HandsfreeDocuments {
    static final MethodHandle GET = HandsfreeSecrets.function("hf_get_document", JAVA_INT, 5);
    static final MethodHandle STORE = HandsfreeSecrets.function("hf_store_document", JAVA_INT, 8);
    static final MethodHandle UPDATE = HandsfreeSecrets.function("hf_update_document", JAVA_INT, 7);
    private static final MethodHandle ROTATE = HandsfreeSecrets.function("hf_rotate_secret", JAVA_INT, 7);
    private static final MethodHandle VERSIONS = HandsfreeSecrets.function("hf_list_versions", JAVA_INT, 5);
    private static final MethodHandle VERSIONS_LENGTH = HandsfreeSecrets.function("hf_versions_len", JAVA_LONG, 1);
    private static final MethodHandle VERSION_NUMBER = item("hf_versions_number", JAVA_LONG);
    private static final MethodHandle VERSION_STATE = item("hf_versions_state", JAVA_INT);
    private static final MethodHandle VERSION_CREATED = item("hf_versions_created", ADDRESS);
    private static final MethodHandle VERSION_DELETION = item("hf_versions_deletion", ADDRESS);
    private static final MethodHandle VERSIONS_FREE = HandsfreeSecrets.procedure("hf_versions_free");

    /** The reference of a stored document, and the number of its version; 0 if there are no versions. */
    public record Stored(String reference, long version) {}

    /** The new value of a rotated field, and the number of the new version. Wipe the value. */
    public record Rotation(byte[] value, long version) {}

    /** Whether a version can be read: a deleted one can be undeleted, the content of a destroyed one is gone. */
    public enum State { LIVE, DELETED, DESTROYED }

    /** One version. The times are RFC 3339; deletion is when it was, or will be, deleted, and "" otherwise. */
    public record Version(long number, State state, String created, String deletion) {}

    private final HandsfreeSecrets secrets;

    public HandsfreeDocuments(HandsfreeSecrets secrets) {
        this.secrets = secrets;
    }

    /** Returns all fields of one version. The reference names no field. Close the document, which wipes it. */
    public Optional<Document> get(String reference) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = HandsfreeSecrets.cString(arena, reference);
            MemorySegment out = arena.allocate(ADDRESS);
            boolean found = HandsfreeSecrets.found(arena,
                    error -> (int) GET.invokeExact(secrets.handle(), name, MemorySegment.NULL, out, error));
            return found ? Optional.of(new Document(out.get(ADDRESS, 0))) : Optional.empty();
        }
    }

    /** Stores fields under a key, replacing an existing secret with all of its fields. */
    public Stored store(String key, Fields fields) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = HandsfreeSecrets.cString(arena, key);
            MemorySegment reference = arena.allocate(ADDRESS);
            MemorySegment version = arena.allocate(JAVA_LONG);
            HandsfreeSecrets.found(arena, error -> (int) STORE.invokeExact(secrets.handle(), name, fields.handle(),
                    MemorySegment.NULL, MemorySegment.NULL, reference, version, error));
            byte[] text = HandsfreeSecrets.take(reference.get(ADDRESS, 0));
            return new Stored(new String(text, StandardCharsets.UTF_8), version.get(JAVA_LONG, 0));
        }
    }

    /**
     * Changes these fields and keeps all others and the metadata. Returns the number of the new version, 0 if there are
     * no versions; empty if the secret does not exist.
     */
    public OptionalLong update(String reference, Fields fields) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = HandsfreeSecrets.cString(arena, reference);
            MemorySegment version = arena.allocate(JAVA_LONG);
            boolean found = HandsfreeSecrets.found(arena, error -> (int) UPDATE.invokeExact(secrets.handle(), name,
                    fields.handle(), MemorySegment.NULL, MemorySegment.NULL, version, error));
            return found ? OptionalLong.of(version.get(JAVA_LONG, 0)) : OptionalLong.empty();
        }
    }

    /**
     * Gives the field that a reference names ("value" if it names none) a random value: one of a password policy of the
     * server, or 32 letters and digits if the policy is null. Empty if the secret or the field does not exist.
     */
    public Optional<Rotation> rotate(String reference, String passwordPolicy) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = HandsfreeSecrets.cString(arena, reference);
            MemorySegment policy = passwordPolicy == null
                    ? MemorySegment.NULL : HandsfreeSecrets.cString(arena, passwordPolicy);
            MemorySegment value = arena.allocate(ADDRESS);
            MemorySegment version = arena.allocate(JAVA_LONG);
            boolean found = HandsfreeSecrets.found(arena, error -> (int) ROTATE.invokeExact(secrets.handle(), name,
                    policy, MemorySegment.NULL, value, version, error));
            return found
                    ? Optional.of(new Rotation(HandsfreeSecrets.take(value.get(ADDRESS, 0)), version.get(JAVA_LONG, 0)))
                    : Optional.empty();
        }
    }

    /** Returns the versions of a secret in ascending order. */
    public Optional<List<Version>> versions(String reference) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = HandsfreeSecrets.cString(arena, reference);
            MemorySegment out = arena.allocate(ADDRESS);
            boolean found = HandsfreeSecrets.found(arena,
                    error -> (int) VERSIONS.invokeExact(secrets.handle(), name, MemorySegment.NULL, out, error));
            return found ? Optional.of(takeVersions(out.get(ADDRESS, 0))) : Optional.empty();
        }
    }

    private static List<Version> takeVersions(MemorySegment list) {
        try {
            return read(() -> {
                List<Version> versions = new ArrayList<>();
                long length = (long) VERSIONS_LENGTH.invokeExact(list);
                for (long index = 0; index < length; index++) {
                    long number = (long) VERSION_NUMBER.invokeExact(list, index);
                    int state = (int) VERSION_STATE.invokeExact(list, index);
                    String created = HandsfreeSecrets.text((MemorySegment) VERSION_CREATED.invokeExact(list, index));
                    String deletion = HandsfreeSecrets.text((MemorySegment) VERSION_DELETION.invokeExact(list, index));
                    versions.add(new Version(number, State.values()[state - 1], created, deletion));
                }
                return versions;
            });
        } finally {
            HandsfreeSecrets.free(VERSIONS_FREE, list);
        }
    }

    /** A function of an object and an index. */
    private static MethodHandle item(String name, MemoryLayout result) {
        return HandsfreeSecrets.function(name, result, ADDRESS, JAVA_LONG);
    }

    private interface Read<T> {
        T run() throws Throwable;
    }

    /** Runs C functions that cannot fail. */
    private static <T> T read(Read<T> functions) {
        try {
            return functions.run();
        } catch (RuntimeException callers) {
            throw callers;
        } catch (Throwable impossible) {
            throw new AssertionError(impossible);
        }
    }

    /** An object of the library, which is wiped and freed when it is closed. */
    abstract static class Owned implements AutoCloseable {
        private final MemorySegment handle;
        private final MethodHandle free;
        private volatile boolean closed;

        Owned(MemorySegment handle, MethodHandle free) {
            this.handle = handle;
            this.free = free;
        }

        final MemorySegment handle() {
            if (closed) {
                throw new IllegalStateException("the object is closed");
            }
            return handle;
        }

        /** Wipes and frees the object, which no thread may be using. May be called again. */
        @Override
        public final synchronized void close() {
            if (!closed) {
                closed = true;
                HandsfreeSecrets.free(free, handle);
            }
        }
    }

    /** Names and values for a write. One thread at a time may change them. Close them, which wipes them. */
    public static final class Fields extends Owned {
        private static final MethodHandle NEW = HandsfreeSecrets.function("hf_fields_new", ADDRESS, 0);
        private static final MethodHandle FREE = HandsfreeSecrets.procedure("hf_fields_free");
        private static final MethodHandle TEXT = HandsfreeSecrets.function("hf_fields_set", JAVA_INT, 4);
        private static final MethodHandle JSON = HandsfreeSecrets.function("hf_fields_set_json", JAVA_INT, 4);
        private static final MethodHandle BYTES = HandsfreeSecrets.function(
                "hf_fields_set_bytes", JAVA_INT, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS);
        private static final MethodHandle REMOVE = HandsfreeSecrets.function("hf_fields_remove", JAVA_INT, 3);

        public Fields() {
            super(read(() -> (MemorySegment) NEW.invokeExact()), FREE);
        }

        /** Sets a field to a text in UTF-8. */
        public Fields text(String name, byte[] text) {
            try (HandsfreeSecrets.Wiped value = HandsfreeSecrets.Wiped.text(text)) {
                return set(name, (field, error) -> (int) TEXT.invokeExact(handle(), field, value.segment, error));
            }
        }

        /** Sets a field to a JSON value of any kind, such as 5, true or {"a": [1, 2]}. */
        public Fields json(String name, byte[] json) {
            try (HandsfreeSecrets.Wiped value = HandsfreeSecrets.Wiped.text(json)) {
                return set(name, (field, error) -> (int) JSON.invokeExact(handle(), field, value.segment, error));
            }
        }

        /** Sets a field to bytes, which are stored as base64. */
        public Fields bytes(String name, byte[] bytes) {
            try (HandsfreeSecrets.Wiped value = new HandsfreeSecrets.Wiped(bytes)) {
                return set(name, (field, error) -> (int) BYTES.invokeExact(handle(), field, value.segment,
                        (long) bytes.length, error));
            }
        }

        /** Marks a field as removed: an update deletes it, a store does not send it. */
        public Fields remove(String name) {
            return set(name, (field, error) -> (int) REMOVE.invokeExact(handle(), field, error));
        }

        private interface Setter {
            int run(MemorySegment name, MemorySegment error) throws Throwable;
        }

        private Fields set(String name, Setter setter) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment field = HandsfreeSecrets.cString(arena, name);
                HandsfreeSecrets.found(arena, error -> setter.run(field, error));
                return this;
            }
        }
    }

    /** All fields of one version of a secret. Any number of threads may read it at once, but none after close. */
    public static final class Document extends Owned {
        private static final MethodHandle FREE = HandsfreeSecrets.procedure("hf_document_free");
        private static final MethodHandle LENGTH = HandsfreeSecrets.function("hf_document_len", JAVA_LONG, 1);
        private static final MethodHandle NAME = item("hf_document_name", ADDRESS);
        private static final MethodHandle TEXT = HandsfreeSecrets.function("hf_document_text", ADDRESS, 3);
        private static final MethodHandle JSON = HandsfreeSecrets.function("hf_document_json", ADDRESS, 3);
        private static final MethodHandle BYTES = HandsfreeSecrets.function("hf_document_bytes", JAVA_INT, 4);
        private static final MethodHandle VERSION = HandsfreeSecrets.function("hf_document_version", JAVA_LONG, 1);
        private static final MethodHandle CREATED = HandsfreeSecrets.function("hf_document_created", ADDRESS, 1);
        private static final MethodHandle METADATA = HandsfreeSecrets.function("hf_document_metadata", ADDRESS, 1);
        private static final MethodHandle METADATA_LENGTH = HandsfreeSecrets.function("hf_metadata_len", JAVA_LONG, 1);
        private static final MethodHandle METADATA_KEY = item("hf_metadata_key", ADDRESS);
        private static final MethodHandle METADATA_VALUE = item("hf_metadata_value", ADDRESS);

        Document(MemorySegment handle) {
            super(handle, FREE);
        }

        /** The names of the fields, sorted. "metadata" is one of them like any other. */
        public List<String> names() {
            return read(() -> {
                List<String> names = new ArrayList<>();
                long length = (long) LENGTH.invokeExact(handle());
                for (long index = 0; index < length; index++) {
                    names.add(HandsfreeSecrets.text((MemorySegment) NAME.invokeExact(handle(), index)));
                }
                return names;
            });
        }

        /** The text of a field: a string as it is, a number or boolean as its JSON. Empty for all others. */
        public Optional<byte[]> text(String name) {
            return copy(TEXT, name);
        }

        /** The JSON of a field, to the letter of the server. Empty if there is no such field. */
        public Optional<byte[]> json(String name) {
            return copy(JSON, name);
        }

        private Optional<byte[]> copy(MethodHandle function, String name) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment field = HandsfreeSecrets.cString(arena, name);
                MemorySegment length = arena.allocate(JAVA_LONG);
                MemorySegment text = read(() -> (MemorySegment) function.invokeExact(handle(), field, length));
                return text.equals(MemorySegment.NULL)
                        ? Optional.empty()
                        : Optional.of(text.reinterpret(length.get(JAVA_LONG, 0)).toArray(JAVA_BYTE));
            }
        }

        /** The bytes that were stored in a field. Empty if there is no such field. */
        public Optional<byte[]> bytes(String name) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment field = HandsfreeSecrets.cString(arena, name);
                MemorySegment out = arena.allocate(ADDRESS);
                boolean found = HandsfreeSecrets.found(arena,
                        error -> (int) BYTES.invokeExact(handle(), field, out, error));
                return found ? Optional.of(HandsfreeSecrets.takeBytes(out.get(ADDRESS, 0))) : Optional.empty();
            }
        }

        /** The number of the version; 0 if there are no versions. */
        public long version() {
            return read(() -> (long) VERSION.invokeExact(handle()));
        }

        /** When the version was created, in RFC 3339; "" if the server does not tell. */
        public String created() {
            return read(() -> HandsfreeSecrets.text((MemorySegment) CREATED.invokeExact(handle())));
        }

        /** The metadata that were stored beside the fields; empty if there are none. */
        public Map<String, String> metadata() {
            return read(() -> {
                Map<String, String> entries = new LinkedHashMap<>();
                MemorySegment metadata = (MemorySegment) METADATA.invokeExact(handle());
                long length = (long) METADATA_LENGTH.invokeExact(metadata);
                for (long index = 0; index < length; index++) {
                    MemorySegment key = (MemorySegment) METADATA_KEY.invokeExact(metadata, index);
                    MemorySegment value = (MemorySegment) METADATA_VALUE.invokeExact(metadata, index);
                    entries.put(HandsfreeSecrets.text(key), HandsfreeSecrets.text(value));
                }
                return entries;
            });
        }
    }
}
