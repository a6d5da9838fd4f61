package secrets

// #include <handsfree_secrets.h>
import "C"

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// MetricsContentType is the content type of the texts that MetricsText and ProcessMetricsText return.
const MetricsContentType = "text/plain; version=0.0.4"

// A MetricFamily is one metric with its samples, as a collector needs them.
type MetricFamily struct {
	Name, Help string
	Type       string // "counter", "gauge" or "histogram"
	Samples    []Sample
}

// A Sample is one number. Those of a histogram have names that end in _bucket, with the label le, _sum and _count.
type Sample struct {
	Name   string
	Labels map[string]string
	Value  float64
}

// MetricsText returns the metrics of the manager in Prometheus' text format. It sends no request. With the env backend
// there are none.
func (m *Manager) MetricsText() (string, error) {
	handle, err := m.hold()
	if err != nil {
		return "", err
	}
	defer m.drop()
	return metricsText(handle)
}

// Metrics returns the metrics of the manager, parsed.
func (m *Manager) Metrics() ([]MetricFamily, error) {
	text, err := m.MetricsText()
	if err != nil {
		return nil, err
	}
	return readMetrics(text)
}

// ProcessMetricsText returns the metrics of all managers of the process, closed ones included, in Prometheus' text
// format.
func ProcessMetricsText() (string, error) { return metricsText(nil) }

// ProcessMetrics returns the metrics of all managers of the process, parsed.
func ProcessMetrics() ([]MetricFamily, error) {
	text, err := ProcessMetricsText()
	if err != nil {
		return nil, err
	}
	return readMetrics(text)
}

func metricsText(handle *C.hf_manager) (string, error) {
	var text *C.char
	var cError *C.hf_error
	if err := takeError(C.hf_manager_metrics(handle, &text, &cError), cError); err != nil {
		return "", err
	}
	defer C.hf_free_string(text)
	return C.GoString(text), nil
}

// readMetrics reads a text of the library. Its labels come from closed sets, and hold no character that is escaped.
func readMetrics(text string) ([]MetricFamily, error) {
	var families []MetricFamily
	for text != "" {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		if rest, isHelp := strings.CutPrefix(line, "# HELP "); isHelp {
			name, help, _ := strings.Cut(rest, " ")
			families = append(families, MetricFamily{Name: name, Help: help})
			continue
		}
		if len(families) == 0 {
			return nil, unreadableMetrics(line)
		}
		family := &families[len(families)-1]
		if rest, isType := strings.CutPrefix(line, "# TYPE "); isType {
			_, family.Type, _ = strings.Cut(rest, " ")
			continue
		}
		sample, err := readSample(line)
		if err != nil {
			return nil, err
		}
		family.Samples = append(family.Samples, sample)
	}
	return families, nil
}

// readSample reads a line such as name{label="value"} 1.
func readSample(line string) (Sample, error) {
	end := strings.LastIndexByte(line, ' ')
	if end < 0 {
		return Sample{}, unreadableMetrics(line)
	}
	value, err := strconv.ParseFloat(line[end+1:], 64)
	if err != nil {
		return Sample{}, unreadableMetrics(line)
	}
	name, labels, _ := strings.Cut(strings.TrimSuffix(line[:end], "}"), "{")
	sample := Sample{Name: name, Labels: map[string]string{}, Value: value}
	for _, label := range strings.Split(labels, ",") {
		if key, quoted, isLabel := strings.Cut(label, "="); isLabel {
			sample.Labels[key] = strings.Trim(quoted, `"`)
		}
	}
	return sample, nil
}

func unreadableMetrics(line string) error {
	return fmt.Errorf("the metrics hold a line that is none of the text format: %q", line)
}

type traceParentKey struct{}

// ContextWithTraceParent returns a context with a traceparent of W3C Trace Context, such as
// "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01". Every request of a call with this context carries it as a
// header. A call with a text that is not of this form fails with ErrInvalidArgument.
func ContextWithTraceParent(ctx context.Context, traceparent string) context.Context {
	return context.WithValue(ctx, traceParentKey{}, traceparent)
}

// withTraceParent adds the trace parent of a context, if it has one, to the settings of a call.
func withTraceParent(ctx context.Context, settings []callSetting) ([]callSetting, error) {
	traceparent, isTraced := ctx.Value(traceParentKey{}).(string)
	if !isTraced {
		return settings, nil
	}
	text, err := newCString("traceparent", traceparent)
	if err != nil {
		return nil, err
	}
	setting := func(call *C.hf_call, cError **C.hf_error) C.hf_status {
		return C.hf_call_set_trace_parent(call, text.pointer(), cError)
	}
	return append(settings[:len(settings):len(settings)], setting), nil
}
