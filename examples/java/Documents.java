import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * All fields of a secret, its versions and its rotation with libhandsfree_secrets from Java 22 or newer. Needs Vault,
 * KV version 2.
 *
 * <pre>java --enable-native-access=ALL-UNNAMED Documents.java</pre>
 */
public final class Documents {
    private static final String REFERENCE = "vault://java_database";

    private Documents() {}

    public static void main(String[] arguments) {
        try (HandsfreeSecrets secrets = new HandsfreeSecrets()) { // SECRET_MANAGER_TYPE, VAULT_ADDR, VAULT_TOKEN, ...
            secrets.check();
            run(new HandsfreeDocuments(secrets));
            secrets.delete(REFERENCE);
        } catch (HandsfreeSecrets.VaultException failure) {
            System.err.println("documents: status " + failure.status() + ": " + failure.getMessage());
            System.exit(1);
        }
    }

    private static void run(HandsfreeDocuments documents) {
        try (HandsfreeDocuments.Fields fields = new HandsfreeDocuments.Fields()) {
            fields.text("username", utf8("app")).text("password", utf8("first password")).json("port", utf8("5432"));
            HandsfreeDocuments.Stored stored = documents.store("java_database", fields);
            System.out.println("  store    " + stored.reference() + " version " + stored.version());
        }

        // Two gets of two fields may see two versions; a document is one version, whole.
        try (HandsfreeDocuments.Document database = documents.get(REFERENCE).orElseThrow()) {
            System.out.println("  read     " + show(database, "username") + " " + show(database, "port"));
        }

        // The fields that are not named stay.
        try (HandsfreeDocuments.Fields changes = new HandsfreeDocuments.Fields()) {
            documents.update(REFERENCE, changes.json("port", utf8("5433"))).orElseThrow();
        }
        HandsfreeDocuments.Rotation rotation = documents.rotate(REFERENCE + "#password", null).orElseThrow();
        System.out.println("  rotate   " + rotation.value().length + " characters, version " + rotation.version());
        Arrays.fill(rotation.value(), (byte) 0);
        for (HandsfreeDocuments.Version version : documents.versions(REFERENCE).orElseThrow()) {
            System.out.println("  version  " + version.number() + " " + version.state());
        }
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** A real program would use the value. */
    private static String show(HandsfreeDocuments.Document document, String field) {
        byte[] value = document.text(field).orElseThrow();
        String text = new String(value, StandardCharsets.UTF_8);
        Arrays.fill(value, (byte) 0);
        return text;
    }
}
