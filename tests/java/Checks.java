import java.nio.charset.StandardCharsets;
import java.util.Objects;

/** What the programs beside this class have in common: a check that fails ends the program. */
abstract class Checks {
    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static String string(byte[] text) {
        return new String(text, StandardCharsets.UTF_8);
    }

    static void expect(Object wanted, Object got) {
        if (!Objects.equals(wanted, got)) {
            throw new AssertionError("wanted " + wanted + ", got " + got);
        }
    }

    static void refused(Class<? extends RuntimeException> wanted, Runnable action) {
        try {
            action.run();
        } catch (RuntimeException refusal) {
            expect(wanted, refusal.getClass());
            return;
        }
        throw new AssertionError("it was not refused with " + wanted);
    }

    /** The status of the failure. */
    static int failure(Runnable action) {
        try {
            action.run();
        } catch (HandsfreeSecrets.VaultException failure) {
            return failure.status();
        }
        throw new AssertionError("it did not fail");
    }

    /** Writes with a POST. */
    static void post(HandsfreeSecrets secrets, String path, String json) {
        secrets.request("POST", path, utf8(json)).orElseThrow();
    }
}
