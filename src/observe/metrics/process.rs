//! The metrics of all managers of the process. What a closed manager has counted stays in the sums, which so never
//! decrease.

use std::sync::{Arc, Weak};

use super::counts::{GaugeSource, Gauges, Metrics, Totals};
use super::text;
use crate::host::fork;
use crate::host::held::Held;

static PROCESS: Held<Process> = Held::new(Process { fork: 0, closed: Totals::zero(), open: Vec::new() });

struct Process {
    fork: u32,
    /// What managers have counted that are closed.
    closed: Totals,
    open: Vec<Entry>,
}

#[derive(Clone)]
struct Entry {
    metrics: Arc<Metrics>,
    source: Weak<dyn GaugeSource>,
}

/// Keeps the metrics of a manager among those of the process until it is dropped; then its counts are kept.
pub struct Registration(Arc<Metrics>);

/// Adds the metrics of a manager, whose gauges `source` knows, to those of the process.
pub fn register(metrics: Arc<Metrics>, source: Weak<dyn GaugeSource>) -> Registration {
    let entry = Entry { metrics: metrics.clone(), source };
    PROCESS.with(|process| process.of_this_process().open.push(entry));
    Registration(metrics)
}

/// The sums of all managers in Prometheus' text format, and the number of calls in queues.
pub fn process_text(queue_pending: Option<u32>) -> String {
    let (totals, sources) = PROCESS.with(|process| {
        let process = process.of_this_process();
        let mut totals = process.closed.clone();
        process.open.iter().for_each(|entry| totals.add(&entry.metrics.totals()));
        (totals, process.open.iter().map(|entry| entry.source.clone()).collect::<Vec<_>>())
    });
    let mut gauges = Gauges::default();
    sources.iter().filter_map(Weak::upgrade).for_each(|source| gauges.add(source.gauges()));
    text::format(&totals, &gauges, queue_pending)
}

impl Process {
    /// Forgets what the closed managers of a parent have counted. Those that are open count from zero by themselves.
    fn of_this_process(&mut self) -> &mut Process {
        let fork = fork::generation();
        if self.fork != fork {
            (self.fork, self.closed) = (fork, Totals::zero());
        }
        self
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let entry = PROCESS.with(|process| {
            let process = process.of_this_process();
            process.closed.add(&self.0.totals());
            let place = process.open.iter().position(|entry| Arc::ptr_eq(&entry.metrics, &self.0));
            place.map(|place| process.open.swap_remove(place))
        });
        drop(entry);
    }
}
