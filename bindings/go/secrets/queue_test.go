package secrets_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/handsfree/libhandsfree_secrets/bindings/go/secrets"
)

// With this flag the whole suite runs in queues: `go test ./secrets -queue 8`.
var inQueue = flag.Int("queue", 0, "the `concurrency` of a queue for the managers of all tests")

// common returns the options that all managers of the tests have.
func common() []secrets.Option {
	if *inQueue > 0 {
		return []secrets.Option{secrets.WithQueue(*inQueue)}
	}
	return nil
}

// limited returns the option with which so many calls run at once.
func limited(calls int) secrets.Option {
	if *inQueue > 0 {
		return secrets.WithQueue(calls)
	}
	return secrets.WithMaxCalls(calls)
}

// threads counts the threads of the process, and those of queues among them.
func threads(t testing.TB) (all, ofQueues int) {
	t.Helper()
	names, err := filepath.Glob("/proc/self/task/*/comm")
	if err != nil || len(names) == 0 {
		t.Fatalf("no threads: %v", err)
	}
	for _, name := range names {
		comm, err := os.ReadFile(name)
		if err == nil && strings.TrimSpace(string(comm)) == "hf_queue" {
			ofQueues++
		}
	}
	return len(names), ofQueues
}

// descriptors counts the open descriptors of the process.
func descriptors(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// noQueues waits until all queues are freed.
func noQueues(t testing.TB) {
	t.Helper()
	eventually(t, "the threads of queues to end", func() bool {
		_, ofQueues := threads(t)
		return ofQueues == 0
	})
}

// pending returns how many calls wait in queues of the process.
func pending(t testing.TB) int {
	t.Helper()
	families, err := secrets.ProcessMetrics()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.Name == "handsfree_queue_pending" {
			return int(family.Samples[0].Value)
		}
	}
	return 0
}

// spread calls function in so many goroutines at once, and returns the errors when all have ended.
func spread(count int, function func(index int) error) func() []error {
	errs := make([]error, count)
	var group sync.WaitGroup
	group.Add(count)
	for index := range errs {
		go func(index int) {
			defer group.Done()
			errs[index] = function(index)
		}(index)
	}
	return func() []error {
		group.Wait()
		return errs
	}
}

func TestGoroutinesThatWaitInAQueueOccupyNoThreads(t *testing.T) {
	const concurrency = 32
	manager, _ := openStalled(t, secrets.WithQueue(concurrency))
	before, _ := threads(t)
	ctx, cancel := context.WithCancel(background)
	defer cancel()
	wait := spread(manyGoroutines, func(int) error {
		_, err := manager.Get(ctx, "vault://key")
		return err
	})
	eventually(t, "all calls to be in the queue", func() bool { return pending(t) == manyGoroutines })
	all, ofQueues := threads(t)
	if ofQueues > concurrency || all > before+concurrency+50 {
		t.Fatalf("%d threads before, then %d, %d of them of the queue", before, all, ofQueues)
	}
	cancel()
	for _, err := range wait() {
		wantError(t, err, secrets.ErrCancelled, context.Canceled)
	}
}

func TestEveryCallInAQueueGetsItsOwnValue(t *testing.T) {
	const names = 20
	s := server(t)
	manager := s.open(t, secrets.WithMount(s.freshMount(t)), secrets.WithQueue(32))
	for name := 0; name < names; name++ {
		mustStore(t, manager, fmt.Sprint("own.", name), fmt.Sprint("value ", name))
	}
	wait := spread(manyGoroutines, func(index int) error {
		name := index % (names + 1)
		secret, err := manager.Get(background, fmt.Sprint("vault://own_", name))
		if name == names {
			if !errors.Is(err, secrets.ErrNotFound) {
				return fmt.Errorf("%d: %w", index, err)
			}
			return nil
		}
		if err != nil {
			return err
		}
		defer secret.Wipe()
		if want := fmt.Sprint("value ", name); secret.Reveal() != want {
			return fmt.Errorf("%d: it is not %q", index, want)
		}
		return nil
	})
	if err := errors.Join(wait()...); err != nil {
		t.Fatal(err)
	}
	if left := pending(t); left != 0 {
		t.Fatalf("%d calls are left", left)
	}
}

func TestACallThatWaitsForItsTurnInAQueueEndsWithItsContext(t *testing.T) {
	manager, proxy := openStalled(t, secrets.WithQueue(1))
	running, stop := context.WithCancel(background)
	defer stop()
	first := spread(1, func(int) error { return manager.Check(running) })
	eventually(t, "the first call to run", func() bool { return proxy.held.Load() == 1 })
	short, cancel := context.WithTimeout(background, 20*time.Millisecond)
	defer cancel()
	_, err := manager.Get(short, "vault://key")
	wantError(t, err, secrets.ErrTimeout, context.DeadlineExceeded)
	waiting, cancelWaiting := context.WithCancel(background)
	second := spread(1, func(int) error {
		_, err := manager.Get(waiting, "vault://key")
		return err
	})
	eventually(t, "the second call to wait", func() bool { return pending(t) == 2 })
	cancelWaiting()
	wantError(t, second()[0], secrets.ErrCancelled, context.Canceled)
	if held := proxy.held.Load(); held != 1 {
		t.Fatalf("%d requests were sent", held)
	}
	stop()
	wantError(t, first()[0], secrets.ErrCancelled, context.Canceled)
}

func TestCloseLetsCallsInAQueueEndAndFreesTheQueue(t *testing.T) {
	s := server(t)
	mount := s.freshMount(t)
	noQueues(t)
	before := descriptors(t)
	for round := 0; round < 5; round++ {
		manager := s.open(t, secrets.WithMount(mount), secrets.WithQueue(4))
		reference := mustStore(t, manager, "closed", "value")
		wait := spread(200, func(int) error {
			_, err := manager.Get(background, reference)
			return err
		})
		if round > 0 { // the first one is closed before some of the calls begin
			eventually(t, "calls in the queue", func() bool { return pending(t) > 0 })
		}
		manager.Close()
		for _, err := range wait() {
			if err != nil && !errors.Is(err, secrets.ErrClosed) {
				t.Fatal(err)
			}
		}
		_, err := manager.Get(background, reference)
		wantError(t, err, secrets.ErrClosed)
		manager.Close()
	}
	noQueues(t)
	eventually(t, "the descriptors to be closed", func() bool { return descriptors(t) <= before+1 }) // one stays
}

func TestForgottenManagersAndWatchesWithQueuesAreFreedByTheCollector(t *testing.T) {
	s := server(t)
	mount := s.freshMount(t)
	func() {
		manager, err := secrets.Open(s.options(secrets.WithMount(mount), secrets.WithQueue(2))...)
		if err != nil {
			t.Fatal(err)
		}
		mustStore(t, manager, "forgotten", "value")
		other, err := secrets.Open(s.options(secrets.WithMount(mount))...)
		if err != nil {
			t.Fatal(err)
		}
		watch, err := other.NewWatch()
		if err != nil {
			t.Fatal(err)
		}
		if err := watch.Add("vault://forgotten", secrets.KnowNothing); err != nil {
			t.Fatal(err)
		}
		if _, err := watch.Next(background); err != nil {
			t.Fatal(err)
		}
	}()
	eventually(t, "the queues to be freed", func() bool {
		runtime.GC()
		_, ofQueues := threads(t)
		return ofQueues == 0
	})
}

func TestWaitingWatchesOccupyNoThreads(t *testing.T) {
	const count = 200
	s := server(t)
	manager := s.open(t, secrets.WithMount(s.freshMount(t)))
	reference := mustStore(t, manager, "waiting", "first")
	var watches []*secrets.Watch
	for index := 0; index < count; index++ {
		watch, err := manager.NewWatch()
		if err != nil {
			t.Fatal(err)
		}
		defer watch.Close()
		if err := watch.Add(reference, secrets.KnowFirstLook); err != nil {
			t.Fatal(err)
		}
		watches = append(watches, watch)
	}
	before, _ := threads(t)
	ctx, cancel := context.WithCancel(background)
	defer cancel()
	wait := spread(count, func(index int) error {
		_, err := watches[index].Next(ctx)
		return err
	})
	eventually(t, "all watches to wait", func() bool { return pending(t) == count })
	if all, _ := threads(t); all > before+50 {
		t.Fatalf("%d threads before, then %d", before, all)
	}
	manager.Close() // its watches go on
	cancel()
	for _, err := range wait() {
		wantError(t, err, secrets.ErrCancelled, context.Canceled)
	}
	for _, watch := range watches {
		watch.Close()
	}
	noQueues(t)
}

func TestTheThreadsOfAQueueLogTheLinesOfItsCalls(t *testing.T) {
	s := server(t)
	var lines lockedBuffer
	logger, freed := observedLogger(slog.LevelWarn, &lines)
	manager := s.open(t, secrets.WithMount("absent"), secrets.WithQueue(2), secrets.WithLogger(logger))
	wantError(t, manager.Delete(background, "vault://logged"), secrets.ErrConfig)
	if text := lines.String(); !strings.Contains(text, "level=WARN") && !strings.Contains(text, "level=ERROR") {
		t.Fatalf("no line in %q", text)
	}
	manager.Close()
	logger = nil
	eventually(t, "the logger to be freed", func() bool {
		runtime.GC()
		return freed.Load()
	})
}

func TestAQueueIsRefusedWithAConcurrencyThatCannotBe(t *testing.T) {
	for _, concurrency := range []int{-1, 0, 65, math.MaxInt} {
		_, err := secrets.Open(secrets.WithOption("SECRET_MANAGER_TYPE", "env"), secrets.WithQueue(concurrency))
		wantError(t, err, secrets.ErrInvalidArgument)
		if !strings.Contains(err.Error(), "concurrency") {
			t.Fatalf("the message is %q", err)
		}
	}
	_, err := secrets.Open(secrets.WithQueue(2), secrets.WithMaxCalls(2))
	wantError(t, err, secrets.ErrInvalidArgument)
}
