import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.StampedLock;
import java.util.function.Consumer;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

/**
 * Operations that return a {@link CompletableFuture} and block no thread, so that a virtual thread that waits pins no
 * carrier. They go through a queue of libhandsfree_secrets, whose threads make the calls; one thread of Java takes the
 * results.
 *
 * <p>A failure is a {@link HandsfreeSecrets.VaultException}. To cancel a future cancels its call, which may have happened.
 * What depends on a future runs in the thread that takes the results, and must not block there; the methods with Async in
 * their names take an executor.
 *
 * <p>Any number of threads may use one object at once.
 */
public final class HandsfreeQueue implements AutoCloseable {
    private static final int OK = 0;
    private static final int PENDING = 2;

    private static final MethodHandle NEW =
            HandsfreeSecrets.function("hf_queue_new", JAVA_INT, JAVA_INT, ADDRESS, ADDRESS);
    private static final MethodHandle NEXT =
            HandsfreeSecrets.function("hf_queue_next", JAVA_INT, ADDRESS, JAVA_LONG, ADDRESS, ADDRESS, ADDRESS);
    private static final MethodHandle CLOSE = HandsfreeSecrets.procedure("hf_queue_close");
    private static final MethodHandle FREE = HandsfreeSecrets.procedure("hf_queue_free");
    private static final MethodHandle CALL_NEW = HandsfreeSecrets.function("hf_call_new", ADDRESS, 0);
    private static final MethodHandle CALL_SET_QUEUE =
            HandsfreeSecrets.function("hf_call_set_queue", JAVA_INT, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS);
    private static final MethodHandle CALL_CANCEL = HandsfreeSecrets.procedure("hf_call_cancel");
    private static final MethodHandle CALL_FREE = HandsfreeSecrets.procedure("hf_call_free");

    /** The out-parameters of a call: the error, the result, and a number. */
    private static final long ERROR = 0;
    private static final long RESULT = 8;
    private static final long NUMBER = 16;
    private static final long SLOT = 24;

    private final HandsfreeSecrets secrets;
    private final MemorySegment queue;
    private final Thread taker;

    /** Has the out-parameters, which the library writes until a call is taken. Closed after the queue was freed. */
    private final Arena memory = Arena.ofShared();
    private final Queue<MemorySegment> freeSlots = new ConcurrentLinkedQueue<>();

    private final ConcurrentHashMap<Long, Pending<?>> waiting = new ConcurrentHashMap<>();
    private final AtomicLong lastTag = new AtomicLong();

    /** Held for reading by who submits a call, and for writing by who closes the queue. */
    private final StampedLock lock = new StampedLock();
    private boolean closed;

    /** A queue with up to this many calls under way at a time, from 1 to 64. Others wait for their turn. */
    public HandsfreeQueue(HandsfreeSecrets secrets, int concurrency) {
        this.secrets = secrets;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(ADDRESS);
            HandsfreeSecrets.found(arena, error -> (int) NEW.invokeExact(concurrency, out, error));
            queue = out.get(ADDRESS, 0);
        }
        taker = Thread.ofPlatform().daemon().name("handsfree-queue").start(this::takeAll);
    }

    /** As {@link HandsfreeSecrets#get}. */
    public CompletableFuture<Optional<byte[]>> get(String reference) {
        return submit((arena, call, slot) -> {
            MemorySegment name = HandsfreeSecrets.cString(arena, reference);
            return (int) HandsfreeSecrets.GET.invokeExact(secrets.handle(), name, call, result(slot), error(slot));
        }, (found, slot) -> found ? Optional.of(HandsfreeSecrets.take(slot.get(ADDRESS, RESULT))) : Optional.empty(),
                unwanted -> unwanted.ifPresent(value -> Arrays.fill(value, (byte) 0)));
    }

    /** As {@link HandsfreeSecrets#store}. */
    public CompletableFuture<String> store(String key, byte[] value) {
        return submit((arena, call, slot) -> {
            MemorySegment name = HandsfreeSecrets.cString(arena, key);
            try (HandsfreeSecrets.Wiped text = HandsfreeSecrets.Wiped.text(value)) {
                return (int) HandsfreeSecrets.STORE.invokeExact(secrets.handle(), name, text.segment,
                        MemorySegment.NULL, call, result(slot), error(slot));
            }
        }, (found, slot) -> reference(slot), unwanted -> { });
    }

    /** As {@link HandsfreeSecrets#update}. */
    public CompletableFuture<Boolean> update(String reference, byte[] value) {
        return submit((arena, call, slot) -> {
            MemorySegment name = HandsfreeSecrets.cString(arena, reference);
            try (HandsfreeSecrets.Wiped text = HandsfreeSecrets.Wiped.text(value)) {
                return (int) HandsfreeSecrets.UPDATE.invokeExact(secrets.handle(), name, text.segment,
                        MemorySegment.NULL, call, error(slot));
            }
        }, (found, slot) -> found, unwanted -> { });
    }

    /** As {@link HandsfreeSecrets#delete}. */
    public CompletableFuture<Boolean> delete(String reference) {
        return submit((arena, call, slot) -> {
            MemorySegment name = HandsfreeSecrets.cString(arena, reference);
            return (int) HandsfreeSecrets.DELETE.invokeExact(secrets.handle(), name, call, error(slot));
        }, (found, slot) -> found, unwanted -> { });
    }

    /** As {@link HandsfreeDocuments#get}. */
    public CompletableFuture<Optional<HandsfreeDocuments.Document>> getDocument(String reference) {
        return submit((arena, call, slot) -> {
            MemorySegment name = HandsfreeSecrets.cString(arena, reference);
            return (int) HandsfreeDocuments.GET.invokeExact(secrets.handle(), name, call, result(slot), error(slot));
        }, (found, slot) -> found
                        ? Optional.of(new HandsfreeDocuments.Document(slot.get(ADDRESS, RESULT)))
                        : Optional.empty(),
                unwanted -> unwanted.ifPresent(HandsfreeDocuments.Document::close));
    }

    /** As {@link HandsfreeDocuments#store}. The fields may be closed when this returns. */
    public CompletableFuture<HandsfreeDocuments.Stored> storeDocument(String key, HandsfreeDocuments.Fields fields) {
        return submit((arena, call, slot) -> {
            MemorySegment name = HandsfreeSecrets.cString(arena, key);
            return (int) HandsfreeDocuments.STORE.invokeExact(secrets.handle(), name, fields.handle(),
                    MemorySegment.NULL, call, result(slot), number(slot), error(slot));
        }, (found, slot) -> new HandsfreeDocuments.Stored(reference(slot), slot.get(JAVA_LONG, NUMBER)),
                unwanted -> { });
    }

    /** As {@link HandsfreeDocuments#update}. The fields may be closed when this returns. */
    public CompletableFuture<OptionalLong> updateDocument(String reference, HandsfreeDocuments.Fields fields) {
        return submit((arena, call, slot) -> {
            MemorySegment name = HandsfreeSecrets.cString(arena, reference);
            return (int) HandsfreeDocuments.UPDATE.invokeExact(secrets.handle(), name, fields.handle(),
                    MemorySegment.NULL, call, number(slot), error(slot));
        }, (found, slot) -> found ? OptionalLong.of(slot.get(JAVA_LONG, NUMBER)) : OptionalLong.empty(),
                unwanted -> { });
    }

    /**
     * Ends the calls that are pending, whose futures fail, and frees the queue. The manager stays open. May be called
     * again.
     */
    @Override
    public void close() {
        long stamp = lock.writeLock();
        try {
            if (!closed) {
                closed = true;
                HandsfreeSecrets.free(CLOSE, queue);
            }
        } finally {
            lock.unlockWrite(stamp);
        }
        if (Thread.currentThread() != taker) {
            awaitTaker();
        }
    }

    private void awaitTaker() {
        boolean isInterrupted = false;
        while (taker.isAlive()) {
            try {
                taker.join();
            } catch (InterruptedException later) {
                isInterrupted = true;
            }
        }
        if (isInterrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private static MemorySegment error(MemorySegment slot) {
        return slot.asSlice(ERROR, ADDRESS);
    }

    private static MemorySegment result(MemorySegment slot) {
        return slot.asSlice(RESULT, ADDRESS);
    }

    private static MemorySegment number(MemorySegment slot) {
        return slot.asSlice(NUMBER, JAVA_LONG);
    }

    private static String reference(MemorySegment slot) {
        return new String(HandsfreeSecrets.take(slot.get(ADDRESS, RESULT)), StandardCharsets.UTF_8);
    }

    /** Calls C, which copies the arguments: the arena is closed afterwards. */
    private interface Submission {
        int run(Arena arena, MemorySegment call, MemorySegment slot) throws Throwable;
    }

    /** Takes the result of a call that has not failed. */
    private interface Result<T> {
        T take(boolean found, MemorySegment slot);
    }

    private <T> CompletableFuture<T> submit(Submission submission, Result<T> result, Consumer<T> discard) {
        long stamp = lock.readLock();
        try (Arena arena = Arena.ofConfined()) {
            if (closed) {
                throw new IllegalStateException("the queue is closed");
            }
            Pending<T> pending = new Pending<>(result, discard);
            waiting.put(pending.tag, pending);
            int status = PENDING;
            try {
                HandsfreeSecrets.found(arena,
                        error -> (int) CALL_SET_QUEUE.invokeExact(pending.call, queue, pending.tag, error));
                status = submission.run(arena, pending.call, pending.slot);
            } catch (RuntimeException | Error refusal) {
                waiting.remove(pending.tag);
                pending.end();
                throw refusal;
            } catch (Throwable impossible) {
                throw new AssertionError(impossible);
            }
            if (status != PENDING) {
                waiting.remove(pending.tag);
                pending.settle(status);
            }
            return pending;
        } finally {
            lock.unlockRead(stamp);
        }
    }

    /** Takes calls until the queue is closed, and frees it. */
    private void takeAll() {
        MemorySegment tag = memory.allocate(JAVA_LONG);
        MemorySegment status = memory.allocate(JAVA_INT);
        try {
            while ((int) NEXT.invokeExact(queue, -1L, tag, status, MemorySegment.NULL) == OK) {
                waiting.remove(tag.get(JAVA_LONG, 0)).settle(status.get(JAVA_INT, 0));
            }
        } catch (Throwable impossible) {
            throw new AssertionError(impossible);
        }
        // Whoever closes the queue may still be in the library's function.
        lock.unlockWrite(lock.writeLock());
        HandsfreeSecrets.free(FREE, queue);
        memory.close();
    }

    /** A call that was not taken yet, and then its result. */
    private final class Pending<T> extends CompletableFuture<T> {
        private final long tag = lastTag.incrementAndGet();
        private final MemorySegment slot;
        private final Result<T> result;
        private final Consumer<T> discard;
        private MemorySegment call;

        Pending(Result<T> result, Consumer<T> discard) {
            this.result = result;
            this.discard = discard;
            MemorySegment used = freeSlots.poll();
            slot = used == null ? memory.allocate(SLOT, ADDRESS.byteAlignment()) : used;
            try {
                call = (MemorySegment) CALL_NEW.invokeExact();
            } catch (Throwable impossible) {
                throw new AssertionError(impossible);
            }
        }

        @Override
        public boolean cancel(boolean mayInterruptIfRunning) {
            boolean isCancelled = super.cancel(mayInterruptIfRunning);
            synchronized (this) {
                if (call != null) {
                    HandsfreeSecrets.free(CALL_CANCEL, call);
                }
            }
            return isCancelled;
        }

        /** Frees what the call was made with. */
        void end() {
            synchronized (this) {
                HandsfreeSecrets.free(CALL_FREE, call);
                call = null;
            }
            freeSlots.add(slot);
        }

        /** Completes the future with what the call came to. */
        void settle(int status) {
            T value;
            try {
                value = result.take(HandsfreeSecrets.found(status, slot.get(ADDRESS, ERROR)), slot);
            } catch (Throwable failure) {
                end();
                completeExceptionally(failure);
                return;
            }
            end();
            if (!complete(value)) {
                discard.accept(value);
            }
        }
    }
}
