import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Encryption and signatures of Vault's transit engine with libhandsfree_secrets from Java 22 or newer.
 *
 * <pre>
 * vault secrets enable transit
 * vault write -f transit/keys/java-rows
 * vault write transit/keys/java-messages type=ed25519
 * java --enable-native-access=ALL-UNNAMED Transit.java
 * </pre>
 */
public final class Transit {
    private Transit() {}

    public static void main(String[] arguments) {
        try (HandsfreeSecrets secrets = new HandsfreeSecrets(); // VAULT_ADDR, VAULT_TOKEN, VAULT_TRANSIT_MOUNT, ...
                HandsfreeTransit rows = HandsfreeTransit.open(secrets, "java-rows").orElseThrow();
                HandsfreeTransit messages = HandsfreeTransit.open(secrets, "java-messages").orElseThrow()) {
            encrypt(rows);
            sign(messages);
        } catch (HandsfreeSecrets.VaultException failure) {
            System.err.println("transit: status " + failure.status() + ": " + failure.getMessage());
            System.exit(1);
        }
    }

    /** The associated data bind a ciphertext to its row: copied to another row, it is refused. */
    private static void encrypt(HandsfreeTransit rows) {
        try (HandsfreeDocuments.Fields row = new HandsfreeDocuments.Fields()) {
            row.bytes("associated_data", utf8("card of customer 7"));
            String ciphertext = rows.encrypt(utf8("4111 1111 1111 1111"), row);
            System.out.println("  encrypt  " + ciphertext.substring(0, 9));
            byte[] card = rows.decrypt(ciphertext, row);
            System.out.println("  decrypt  " + new String(card, StandardCharsets.UTF_8)); // a real program would use it
            Arrays.fill(card, (byte) 0);
        }
    }

    private static void sign(HandsfreeTransit messages) {
        String signature = messages.sign(utf8("pay 5 to Bob"), null);
        System.out.println("  verify   " + messages.verify(utf8("pay 5 to Bob"), signature, null) + " "
                + messages.verify(utf8("pay 500 to Bob"), signature, null));
        String hmac = messages.hmac(utf8("pay 5 to Bob"), null);
        System.out.println("  hmac     " + messages.verify(utf8("pay 5 to Bob"), hmac, null));
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
