import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/** Documents, versions and requests of the Java classes, on a real server. Run by tests/bindings/examples/java.rs. */
public final class DocumentChecks extends Checks {
    private static final String MOUNT = System.getenv("VAULT_MOUNT");

    private DocumentChecks() {}

    public static void main(String[] arguments) {
        try (HandsfreeSecrets secrets = new HandsfreeSecrets()) {
            HandsfreeDocuments documents = new HandsfreeDocuments(secrets);
            fieldsOfAllKindsComeBack(documents);
            updateChangesAndRemovesFields(secrets, documents);
            metadataIsRead(secrets, documents);
            deletedVersionsAreListed(secrets, documents);
            rotationTakesAPasswordPolicy(secrets, documents);
            whatDoesNotExistIsEmpty(secrets, documents);
            mistakesAreRefused(secrets, documents);
        }
    }

    private static void fieldsOfAllKindsComeBack(HandsfreeDocuments documents) {
        byte[] key = {0, 1, (byte) 255};
        try (HandsfreeDocuments.Fields fields = new HandsfreeDocuments.Fields()) {
            fields.text("name", utf8("ü😀")).text("empty", new byte[0]).json("list", utf8("[1,2]"));
            fields.json("nul", utf8("\"a\\u0000b\"")).bytes("key", key).remove("absent");
            expect(new HandsfreeDocuments.Stored("vault://java_kinds", 1), documents.store("java_kinds", fields));
        }
        HandsfreeDocuments.Document document = documents.get("vault://java_kinds").orElseThrow();
        expect(List.of("empty", "key", "list", "name", "nul"), document.names());
        expect(Optional.of("ü😀"), document.text("name").map(Checks::string));
        expect(Optional.of(""), document.text("empty").map(Checks::string));
        expect(Optional.of("a\0b"), document.text("nul").map(Checks::string));
        expect(Optional.empty(), document.text("list"));
        expect(Optional.of("[1,2]"), document.json("list").map(Checks::string));
        expect(Optional.empty(), document.json("absent"));
        expect(true, Arrays.equals(key, document.bytes("key").orElseThrow()));
        expect(Optional.empty(), document.bytes("absent"));
        refused(HandsfreeSecrets.VaultException.class, () -> document.bytes("list"));
        expect(1L, document.version());
        expect(true, document.created().endsWith("Z"));
        expect(Map.of(), document.metadata());
        document.close();
        document.close();
        refused(IllegalStateException.class, () -> document.text("name"));
    }

    private static void updateChangesAndRemovesFields(HandsfreeSecrets secrets, HandsfreeDocuments documents) {
        post(secrets, MOUNT + "/data/java/update", "{\"data\": {\"a\": \"1\", \"b\": \"2\", \"c\": \"3\"}}");
        try (HandsfreeDocuments.Fields changes = new HandsfreeDocuments.Fields()) {
            changes.text("a", utf8("4")).remove("b");
            expect(OptionalLong.of(2), documents.update("vault://java_update", changes));
            expect(OptionalLong.empty(), documents.update("vault://java_absent", changes));
        }
        try (HandsfreeDocuments.Document document = documents.get("vault://java_update").orElseThrow()) {
            expect(List.of("a", "c"), document.names());
            expect("4", string(document.text("a").orElseThrow()));
        }
        try (HandsfreeDocuments.Document document = documents.get("vault://java_update?version=1").orElseThrow()) {
            expect("1", string(document.text("a").orElseThrow()));
        }
    }

    private static void metadataIsRead(HandsfreeSecrets secrets, HandsfreeDocuments documents) {
        post(secrets, MOUNT + "/data/java/metadata", "{\"data\": {\"metadata\": {\"owner\": \"ü\", \"team\": \"b\"}}}");
        try (HandsfreeDocuments.Document document = documents.get("vault://java_metadata").orElseThrow()) {
            expect(Map.of("owner", "ü", "team", "b"), document.metadata());
        }
    }

    private static void deletedVersionsAreListed(HandsfreeSecrets secrets, HandsfreeDocuments documents) {
        for (int version = 1; version <= 3; version++) {
            post(secrets, MOUNT + "/data/java/versions", "{\"data\": {}}");
        }
        post(secrets, MOUNT + "/delete/java/versions", "{\"versions\": [2]}");
        post(secrets, MOUNT + "/destroy/java/versions", "{\"versions\": [3]}");
        List<HandsfreeDocuments.Version> versions = documents.versions("vault://java_versions").orElseThrow();
        expect(List.of(1L, 2L, 3L), versions.stream().map(HandsfreeDocuments.Version::number).toList());
        expect(List.of(HandsfreeDocuments.State.values()),
                versions.stream().map(HandsfreeDocuments.Version::state).toList());
        expect(List.of(true, false, true), versions.stream().map(version -> version.deletion().isEmpty()).toList());
    }

    private static void rotationTakesAPasswordPolicy(HandsfreeSecrets secrets, HandsfreeDocuments documents) {
        String rule = "{\"policy\": \"length = 20\\nrule \\\"charset\\\" { charset = \\\"xyz\\\" }\"}";
        secrets.request("PUT", "sys/policies/password/java", utf8(rule)).orElseThrow();
        String reference = secrets.store("java_rotated", utf8("old"));
        HandsfreeDocuments.Rotation rotation = documents.rotate(reference, "java").orElseThrow();
        expect(2L, rotation.version());
        expect(true, string(rotation.value()).matches("[xyz]{20}"));
        expect(string(rotation.value()), string(secrets.get(reference).orElseThrow()));
        expect("old", string(secrets.get(reference + "?version=1").orElseThrow()));
    }

    private static void whatDoesNotExistIsEmpty(HandsfreeSecrets secrets, HandsfreeDocuments documents) {
        expect(Optional.empty(), documents.get("vault://java_absent"));
        expect(Optional.empty(), documents.versions("vault://java_absent"));
        expect(Optional.empty(), documents.rotate("vault://java_absent", null));
        expect(Optional.empty(), secrets.request("GET", MOUNT + "/metadata/java/absent", null));
        HandsfreeSecrets.Response deleted =
                secrets.request("DELETE", MOUNT + "/metadata/java/absent", null).orElseThrow();
        expect(List.of(204, 0), List.of(deleted.status(), deleted.body().length));
    }

    private static void mistakesAreRefused(HandsfreeSecrets secrets, HandsfreeDocuments documents) {
        try (HandsfreeDocuments.Fields fields = new HandsfreeDocuments.Fields()) {
            refused(IllegalArgumentException.class, () -> fields.text("a", new byte[] {0}));
            refused(IllegalArgumentException.class, () -> fields.remove("a\0"));
            refused(HandsfreeSecrets.VaultException.class, () -> fields.json("a", utf8("{")));
            fields.close();
            refused(IllegalStateException.class, () -> fields.remove("a"));
            refused(IllegalStateException.class, () -> documents.store("java_mistakes", fields));
        }
        refused(HandsfreeSecrets.VaultException.class, () -> documents.get("vault://java_kinds#name"));
        refused(HandsfreeSecrets.VaultException.class, () -> secrets.request("FETCH", "sys/health", null));
    }}
