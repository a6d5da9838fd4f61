import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;

/** The queue of the Java classes, on a real server. Run by tests/bindings/examples/java.rs. */
public final class QueueChecks extends Checks {
    private static final int VIRTUAL_THREADS = 1000;
    private static final int KEYS = 20;
    private static final int CONCURRENCY = 8;
    private static final int ERR_INVALID_ARGUMENT = -1;
    private static final int ERR_INVALID_REFERENCE = -2;
    private static final int ERR_CANCELLED = -15;

    private QueueChecks() {}

    public static void main(String[] arguments) throws Exception {
        // One carrier for all virtual threads. Set before the first of them.
        System.setProperty("jdk.virtualThreadScheduler.parallelism", "1");
        System.setProperty("jdk.virtualThreadScheduler.maxPoolSize", "1");
        try (HandsfreeSecrets secrets = new HandsfreeSecrets()) {
            try (HandsfreeQueue queue = new HandsfreeQueue(secrets, CONCURRENCY)) {
                operationsGiveWhatTheBlockingOnesGive(secrets, queue);
                failuresAreThoseOfTheBlockingOperations(queue);
                virtualThreadsThatWaitShareOneCarrier(queue);
            }
            cancelledCallsEndAndOthersGoOn(secrets);
            closeEndsWhatIsPending(secrets);
            aDependentMayCloseTheQueue(secrets);
            refused(HandsfreeSecrets.VaultException.class, () -> new HandsfreeQueue(secrets, 65));
        }
    }

    private static void operationsGiveWhatTheBlockingOnesGive(HandsfreeSecrets secrets, HandsfreeQueue queue) {
        String reference = queue.store("java_queued", utf8("ü1")).join();
        expect("vault://java_queued", reference);
        expect(Optional.of("ü1"), queue.get(reference).join().map(Checks::string));
        expect(true, queue.update(reference, utf8("2")).join());
        expect("2", string(secrets.get(reference).orElseThrow()));
        expect(true, queue.delete(reference).join());
        expect(Optional.empty(), queue.get(reference).join());
        expect(false, queue.update(reference, utf8("3")).join());
        expect(false, queue.delete(reference).join());
        CompletableFuture<HandsfreeDocuments.Stored> stored;
        try (HandsfreeDocuments.Fields fields = new HandsfreeDocuments.Fields()) {
            stored = queue.storeDocument("java_queued", fields.text("a", utf8("1")).text("b", utf8("2")));
        }
        expect(new HandsfreeDocuments.Stored(reference, 1), stored.join());
        try (HandsfreeDocuments.Fields changes = new HandsfreeDocuments.Fields()) {
            changes.remove("b");
            expect(OptionalLong.of(2), queue.updateDocument(reference, changes).join());
            expect(OptionalLong.empty(), queue.updateDocument("vault://java_absent", changes).join());
        }
        try (HandsfreeDocuments.Document document = queue.getDocument(reference).join().orElseThrow()) {
            expect(List.of("a"), document.names());
        }
        expect(Optional.empty(), queue.getDocument("vault://java_absent").join());
    }

    private static void failuresAreThoseOfTheBlockingOperations(HandsfreeQueue queue) {
        expect(ERR_INVALID_REFERENCE, failure(queue.get("nonsense")));
        expect(ERR_INVALID_ARGUMENT, failure(queue.store("java__", utf8("x"))));
        refused(IllegalArgumentException.class, () -> queue.get("vault://a\0"));
        refused(IllegalArgumentException.class, () -> queue.store("java_nul", new byte[] {0}));
    }

    /** A call that blocks would pin the carrier, and no other virtual thread would call meanwhile. */
    private static void virtualThreadsThatWaitShareOneCarrier(HandsfreeQueue queue) throws Exception {
        for (int key = 0; key < KEYS; key++) {
            queue.store("java_many." + key, utf8("value " + key)).join();
        }
        AtomicInteger waiting = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        List<Future<Optional<String>>> results = new ArrayList<>();
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            for (int index = 0; index < VIRTUAL_THREADS; index++) {
                String reference = "vault://java_many_" + index % (KEYS + 1);
                results.add(threads.submit(() -> {
                    CompletableFuture<Optional<byte[]>> value = queue.get(reference);
                    most.accumulateAndGet(waiting.incrementAndGet(), Math::max);
                    try {
                        return value.join().map(Checks::string);
                    } finally {
                        waiting.decrementAndGet();
                    }
                }));
            }
        }
        for (int index = 0; index < VIRTUAL_THREADS; index++) {
            int key = index % (KEYS + 1);
            expect(key == KEYS ? Optional.empty() : Optional.of("value " + key), results.get(index).get());
        }
        if (most.get() <= CONCURRENCY) {
            throw new AssertionError("only " + most.get() + " virtual threads have waited at a time");
        }
    }

    private static void cancelledCallsEndAndOthersGoOn(HandsfreeSecrets secrets) {
        String reference = secrets.store("java_cancelled", utf8("value"));
        try (HandsfreeQueue queue = new HandsfreeQueue(secrets, 1)) {
            List<CompletableFuture<Optional<byte[]>>> gets = new ArrayList<>();
            for (int index = 0; index < 200; index++) {
                gets.add(queue.get(reference));
            }
            for (int index = 1; index < gets.size(); index += 2) {
                gets.get(index).cancel(false);
            }
            for (int index = 0; index < gets.size(); index++) {
                CompletableFuture<Optional<byte[]>> get = gets.get(index);
                try {
                    expect("value", string(get.join().orElseThrow()));
                } catch (CancellationException cancelled) {
                    expect(1, index % 2);
                    expect(true, get.isCancelled());
                }
            }
            expect(false, gets.get(0).cancel(false));
        }
    }

    private static void closeEndsWhatIsPending(HandsfreeSecrets secrets) {
        String reference = secrets.store("java_closed", utf8("value"));
        HandsfreeQueue queue = new HandsfreeQueue(secrets, 1);
        List<CompletableFuture<Optional<byte[]>>> gets = new ArrayList<>();
        for (int index = 0; index < 200; index++) {
            gets.add(queue.get(reference));
        }
        queue.close();
        queue.close();
        for (CompletableFuture<Optional<byte[]>> get : gets) {
            expect(true, get.isDone());
            if (get.isCompletedExceptionally()) {
                expect(ERR_CANCELLED, failure(get));
            } else {
                expect("value", string(get.join().orElseThrow()));
            }
        }
        gets.get(0).cancel(false);
        refused(IllegalStateException.class, () -> queue.get(reference));
    }

    private static void aDependentMayCloseTheQueue(HandsfreeSecrets secrets) {
        HandsfreeQueue queue = new HandsfreeQueue(secrets, 1);
        queue.get("vault://java_closed").thenRun(queue::close).join();
        queue.close();
    }

    /** The status of a failed future. */
    private static int failure(CompletableFuture<?> future) {
        try {
            throw new AssertionError("it has not failed: " + future.join());
        } catch (CompletionException failed) {
            return ((HandsfreeSecrets.VaultException) failed.getCause()).status();
        }
    }
}
