//! Files that use each other, found in the graph of who uses whom.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::graph::Edges;

/// One shortest circle for each group of files that use each other, as lines that name what ties it.
pub fn circles(edges: &Edges) -> Vec<String> {
    let mut told = BTreeSet::new();
    let mut found = Vec::new();
    for (file, circle) in edges.keys().filter_map(|file| Some((file, way(edges, file, file)?))) {
        if told.contains(file) {
            continue;
        }
        let both_ways = |other: &&String| way(edges, file, other).is_some() && way(edges, other, file).is_some();
        let group: Vec<&String> = edges.keys().filter(both_ways).collect();
        let mut text = String::new();
        for (from, to) in circle.iter().zip(circle.iter().cycle().skip(1)) {
            let names: Vec<&str> = edges[*from][*to].iter().map(String::as_str).collect();
            text += &format!("  {from} uses {to}: {}\n", names.join(", "));
        }
        if group.len() > circle.len() {
            text += &format!("  and longer ones, through {group:?}\n");
        }
        told.extend(group);
        found.push(text);
    }
    found
}

/// The files on the shortest way from one file to another, or back to itself, without the last.
fn way<'a>(edges: &'a Edges, from: &'a str, to: &str) -> Option<Vec<&'a str>> {
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
