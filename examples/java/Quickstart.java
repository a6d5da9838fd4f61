import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * The five operations of libhandsfree_secrets from Java 22 or newer.
 *
 * <pre>java --enable-native-access=ALL-UNNAMED Quickstart.java</pre>
 *
 * The environment selects the backend: SECRET_MANAGER_TYPE=vault with VAULT_ADDR and VAULT_TOKEN, or nothing for the
 * env backend.
 */
public final class Quickstart {
    private Quickstart() {}

    public static void main(String[] arguments) {
        try (HandsfreeSecrets secrets = new HandsfreeSecrets()) {
            run(secrets);
        } catch (HandsfreeSecrets.VaultException failure) {
            System.err.println("quickstart: status " + failure.status() + ": " + failure.getMessage());
            System.exit(1);
        }
    }

    private static void run(HandsfreeSecrets secrets) {
        String reference = secrets.store("java_quickstart", "first value".getBytes(StandardCharsets.UTF_8));
        System.out.println("  store    " + reference);
        show(secrets, reference);

        secrets.update(reference, "second value".getBytes(StandardCharsets.UTF_8));
        show(secrets, reference);
        for (String listed : secrets.list("java_")) {
            System.out.println("  list     " + listed);
        }

        secrets.delete(reference);
        if (secrets.get(reference).isEmpty()) {
            System.out.println("  gone     it is not found any more");
        }
    }

    /** A real program would use the value. */
    private static void show(HandsfreeSecrets secrets, String reference) {
        byte[] value = secrets.get(reference).orElseThrow();
        System.out.println("  get      " + new String(value, StandardCharsets.UTF_8));
        Arrays.fill(value, (byte) 0);
    }
}
