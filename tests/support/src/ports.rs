//! Ports that the kernel gives.

use std::net::TcpListener;

/// `N` ports of 127.0.0.1 that were free a moment ago, all different. Another process may take one before it is
/// used: whoever binds it has to be ready to ask again.
pub fn free_ports<const N: usize>() -> [u16; N] {
    // All are held at once, since the kernel may give a port again as soon as it is let go.
    let held: [TcpListener; N] =
        std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").expect("a port of 127.0.0.1"));
    std::array::from_fn(|i| held[i].local_addr().expect("the address of a bound socket").port())
}
