//! Finds cycles in the graph of the files of a crate.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::graph::Edges;

/// One shortest cycle for each group of files that use each other, with the names that each file uses of the next.
pub fn cycles(edges: &Edges) -> Vec<String> {
    let mut told = BTreeSet::new();
    let mut found = Vec::new();
    for (file, cycle) in edges.keys().filter_map(|file| Some((file, shortest_path(edges, file, file)?))) {
        if told.contains(file) {
            continue;
        }
        let both_ways = |other: &&String| {
            shortest_path(edges, file, other).is_some() && shortest_path(edges, other, file).is_some()
        };
        let group: Vec<&String> = edges.keys().filter(both_ways).collect();
        let mut text = String::new();
        for (from, to) in cycle.iter().zip(cycle.iter().cycle().skip(1)) {
            let names: Vec<&str> = edges[*from][*to].iter().map(String::as_str).collect();
            text += &format!("  {from} uses {to}: {}\n", names.join(", "));
        }
        if group.len() > cycle.len() {
            text += &format!("  and longer ones, through {group:?}\n");
        }
        told.extend(group);
        found.push(text);
    }
    found
}

/// The shortest path from one file to another, or back to itself, without its last file.
fn shortest_path<'a>(edges: &'a Edges, from: &'a str, to: &str) -> Option<Vec<&'a str>> {
    let mut seen = BTreeSet::new();
    let mut ways = VecDeque::from([vec![from]]);
    while let Some(way) = ways.pop_front() {
        for next in edges.get(*way.last()?).into_iter().flat_map(BTreeMap::keys) {
            if next == to {
                return Some(way);
            }
            if seen.insert(next) {
                ways.push_back([&way[..], &[next.as_str()]].concat());
            }
        }
    }
    None
}
