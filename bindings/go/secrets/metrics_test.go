package secrets_test

import (
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/handsfree/libhandsfree_secrets/bindings/go/secrets"
)

// sumOf adds the samples of a metric whose labels have these values.
func sumOf(families []secrets.MetricFamily, name string, labels map[string]string) (sum float64) {
	for _, family := range families {
		for _, sample := range family.Samples {
			matches := sample.Name == name
			for key, value := range labels {
				matches = matches && sample.Labels[key] == value
			}
			if matches {
				sum += sample.Value
			}
		}
	}
	return sum
}

func TestMetricsCountRequests(t *testing.T) {
	s := server(t)
	manager := s.open(t, secrets.WithMount(s.freshMount(t)))
	reference := mustStore(t, manager, "counted", "value")
	for range [3]struct{}{} {
		mustGet(t, manager, reference)
	}
	families, err := manager.Metrics()
	if err != nil {
		t.Fatal(err)
	}
	reads := map[string]string{"operation": "read", "status": "200"}
	if got := sumOf(families, "handsfree_requests_total", reads); got != 3 {
		t.Fatalf("%v reads: %v", got, families)
	}
	for _, family := range families {
		if family.Help == "" || !strings.Contains("counter gauge histogram", family.Type) || len(family.Samples) == 0 {
			t.Fatalf("%+v", family)
		}
	}
	process, err := secrets.ProcessMetrics()
	if err != nil || sumOf(process, "handsfree_requests_total", reads) < 3 {
		t.Fatalf("%v, %v", process, err)
	}
	if text, err := secrets.ProcessMetricsText(); err != nil || !strings.Contains(text, "# TYPE handsfree_connections gauge") {
		t.Fatalf("%q, %v", text, err)
	}
	manager.Close()
	_, err = manager.Metrics()
	wantError(t, err, secrets.ErrClosed)
	_, err = new(secrets.Manager).MetricsText()
	wantError(t, err, secrets.ErrClosed)
}

func TestEnvironmentHasNoMetrics(t *testing.T) {
	manager := openEnv(t)
	if families, err := manager.Metrics(); err != nil || len(families) != 0 {
		t.Fatalf("%v, %v", families, err)
	}
	if err := manager.Warm(background, 3); err != nil {
		t.Fatal(err)
	}
	wantError(t, manager.Warm(background, 0), secrets.ErrInvalidArgument)
	wantError(t, manager.Warm(background, 1<<40), secrets.ErrInvalidArgument)
}

func TestWarmOpensConnections(t *testing.T) {
	s := server(t)
	manager := s.open(t, secrets.WithMount(s.freshMount(t)))
	if err := manager.Warm(background, 4); err != nil {
		t.Fatal(err)
	}
	families, err := manager.Metrics()
	idle := sumOf(families, "handsfree_connections", map[string]string{"state": "idle"})
	if err != nil || idle != 4 {
		t.Fatalf("%v idle, %v", idle, err)
	}
}

func TestTheTraceParentOfAContextIsSent(t *testing.T) {
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	s := server(t)
	target, err := url.Parse(s.address)
	if err != nil {
		t.Fatal(err)
	}
	var seen atomic.Value
	proxy := httputil.NewSingleHostReverseProxy(target)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	front := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Store(r.Header.Get("Traceparent"))
		proxy.ServeHTTP(w, r)
	})}
	go front.Serve(listener)
	t.Cleanup(func() { front.Close() })
	mount := s.freshMount(t)
	manager := s.open(t, secrets.WithVault("http://"+listener.Addr().String()), secrets.WithMount(mount))
	traced := secrets.ContextWithTraceParent(background, parent)
	if _, err := manager.Store(traced, "traced", []byte("value")); err != nil || seen.Load() != parent {
		t.Fatalf("sent %v, %v", seen.Load(), err)
	}
	mustGet(t, manager, "vault://traced")
	if seen.Load() != "" {
		t.Fatalf("sent %v without a trace", seen.Load())
	}
	for _, wrong := range []string{"00-1-2-3", "none", "a\x00b"} {
		_, err := manager.Get(secrets.ContextWithTraceParent(background, wrong), "vault://traced")
		wantError(t, err, secrets.ErrInvalidArgument)
	}
}
