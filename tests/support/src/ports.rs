//! Free ports.

use std::net::TcpListener;

/// `N` ports of 127.0.0.1 that were free a moment ago, all different. Another process may take one before it is used,
/// so callers have to be ready to try again.
pub fn free_ports<const N: usize>() -> [u16; N] {
    // All are bound at the same time, since the kernel may return a port again as soon as it is closed.
    let held: [TcpListener; N] =
        std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").expect("a port of 127.0.0.1"));
    std::array::from_fn(|i| held[i].local_addr().expect("the address of a bound socket").port())
}
