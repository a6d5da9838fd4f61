//! Metrics in Prometheus' text format.

use prometheus::TextEncoder;
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};

use super::counts::{BOUNDS_US, BUCKETS, CACHE, Gauges, LOGINS, Metrics, NANOSECONDS, REQUESTS, RETRIES, Totals};
use super::labels::{CacheResult, LeaseState, Login, Operation, Reason, STATUSES};

/// The metrics of one manager as text.
pub fn text(metrics: &Metrics, gauges: &Gauges) -> String {
    format(&metrics.totals(), gauges, None)
}

/// Numbers as text.
pub(super) fn format(totals: &Totals, gauges: &Gauges, queue_pending: Option<u32>) -> String {
    let families = [
        family(
            "handsfree_requests_total",
            "Requests to the server, by what they do and by the status of the answer.",
            MetricType::COUNTER,
            requests(totals),
        ),
        family(
            "handsfree_request_duration_seconds",
            "Time from a request to its answer.",
            MetricType::HISTOGRAM,
            vec![durations(totals)],
        ),
        family(
            "handsfree_retries_total",
            "Requests that were sent again.",
            MetricType::COUNTER,
            counters("reason", Reason::NAMES, totals.part(RETRIES, Reason::NAMES.len())),
        ),
        family(
            "handsfree_logins_total",
            "Logins, by how they ended.",
            MetricType::COUNTER,
            counters("result", Login::NAMES, totals.part(LOGINS, Login::NAMES.len())),
        ),
        family(
            "handsfree_cache_requests_total",
            "Reads with a cache, by where the answer came from.",
            MetricType::COUNTER,
            counters("result", CacheResult::NAMES, totals.part(CACHE, CacheResult::NAMES.len())),
        ),
        family(
            "handsfree_token_ttl_seconds",
            "Time until the token expires.",
            MetricType::GAUGE,
            gauges.token_ttl.map(|ttl| gauge(Vec::new(), ttl.as_secs_f64())).into_iter().collect(),
        ),
        family(
            "handsfree_connections",
            "Open connections.",
            MetricType::GAUGE,
            vec![
                gauge(vec![label("state", "active")], gauges.active as f64),
                gauge(vec![label("state", "idle")], gauges.idle as f64),
            ],
        ),
        family("handsfree_leases", "Leases of credentials that the program takes.", MetricType::GAUGE, leases(gauges)),
        family(
            "handsfree_queue_pending",
            "Calls in queues that were not taken.",
            MetricType::GAUGE,
            queue_pending.map(|number| gauge(Vec::new(), number.into())).into_iter().collect(),
        ),
    ];
    let families: Vec<_> = families.into_iter().filter(|family| !family.get_metric().is_empty()).collect();
    // Fails for families without samples or names only, and a text takes every write.
    TextEncoder::new().encode_to_string(&families).unwrap_or_default()
}

fn family(name: &str, help: &str, kind: MetricType, samples: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(samples);
    family
}

/// Combinations that have not occurred are left out: most of them never do.
fn requests(totals: &Totals) -> Vec<Metric> {
    let numbers = totals.part(REQUESTS, Operation::NAMES.len() * STATUSES.len());
    let of_operations = Operation::NAMES.iter().zip(numbers.chunks(STATUSES.len()));
    let each = of_operations.flat_map(|(operation, numbers)| {
        STATUSES.iter().zip(numbers).map(move |(status, &number)| (operation, status, number))
    });
    each.filter(|(.., number)| *number > 0)
        .map(|(operation, status, number)| {
            counter(vec![label("operation", operation), label("status", status)], number)
        })
        .collect()
}

fn counters(name: &str, values: &[&str], numbers: &[u64]) -> Vec<Metric> {
    values.iter().zip(numbers).map(|(value, &number)| counter(vec![label(name, value)], number)).collect()
}

fn leases(gauges: &Gauges) -> Vec<Metric> {
    let each = LeaseState::NAMES.iter().zip(gauges.leases.numbers());
    each.map(|(state, &number)| gauge(vec![label("state", state)], number as f64)).collect()
}

fn durations(totals: &Totals) -> Metric {
    let numbers = totals.part(BUCKETS, BOUNDS_US.len() + 1);
    let mut count = 0;
    // The encoder adds the bucket without a bound.
    let buckets = BOUNDS_US.iter().zip(numbers).map(|(&bound, &number)| {
        count += number;
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(bound as f64 / 1e6);
        bucket.set_cumulative_count(count);
        bucket
    });
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets.collect());
    histogram.set_sample_count(numbers.iter().sum());
    histogram.set_sample_sum(totals.part(NANOSECONDS, 1).iter().sum::<u64>() as f64 / 1e9);
    let mut metric = Metric::default();
    metric.set_histogram(histogram);
    metric
}

fn counter(labels: Vec<LabelPair>, number: u64) -> Metric {
    let mut value = Counter::default();
    value.set_value(number as f64);
    let mut metric = Metric::from_label(labels);
    metric.set_counter(value);
    metric
}

fn gauge(labels: Vec<LabelPair>, number: f64) -> Metric {
    let mut value = Gauge::default();
    value.set_value(number);
    let mut metric = Metric::from_label(labels);
    metric.set_gauge(value);
    metric
}

fn label(name: &str, value: &str) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value.to_owned());
    pair
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_text_is_in_the_format_of_prometheus() {
        let metrics = Metrics::default();
        metrics.request(Operation::Read, 0, Duration::from_micros(300));
        metrics.request(Operation::Read, 0, Duration::from_millis(7));
        metrics.request(Operation::Login, 2, Duration::from_secs(100));
        metrics.retried(Reason::Redirect);
        metrics.logged_in(Login::Success);
        let mut gauges =
            Gauges { active: 1, idle: 2, token_ttl: Some(Duration::from_millis(1500)), ..Gauges::default() };
        gauges.leases.count(LeaseState::Failing);
        let text = format(&metrics.totals(), &gauges, Some(3));
        for line in [
            "# TYPE handsfree_requests_total counter",
            "handsfree_requests_total{operation=\"read\",status=\"200\"} 2",
            "handsfree_requests_total{operation=\"login\",status=\"400\"} 1",
            "# TYPE handsfree_request_duration_seconds histogram",
            "handsfree_request_duration_seconds_bucket{le=\"0.0001\"} 0",
            "handsfree_request_duration_seconds_bucket{le=\"0.0005\"} 1",
            "handsfree_request_duration_seconds_bucket{le=\"60\"} 2",
            "handsfree_request_duration_seconds_bucket{le=\"+Inf\"} 3",
            "handsfree_request_duration_seconds_sum 100.0073",
            "handsfree_request_duration_seconds_count 3",
            "handsfree_retries_total{reason=\"redirect\"} 1",
            "handsfree_retries_total{reason=\"tls\"} 0",
            "handsfree_logins_total{result=\"success\"} 1",
            "# TYPE handsfree_token_ttl_seconds gauge",
            "handsfree_token_ttl_seconds 1.5",
            "handsfree_connections{state=\"active\"} 1",
            "handsfree_connections{state=\"idle\"} 2",
            "handsfree_leases{state=\"valid\"} 0",
            "handsfree_leases{state=\"failing\"} 1",
            "handsfree_queue_pending 3",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\nis not in\n{text}");
        }
    }

    #[test]
    fn a_metric_without_a_value_is_left_out() {
        let text = super::text(&Metrics::default(), &Gauges::default());
        assert!(!text.contains("handsfree_token_ttl_seconds") && !text.contains("handsfree_requests_total"), "{text}");
    }
}
