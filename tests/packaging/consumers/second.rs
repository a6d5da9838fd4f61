//! A second static library in Rust, with its own runtime, allocations, threads and panics.

/// Panics and catches the panic, for which the unwinder needs the personality function and the tables of this library.
#[unsafe(no_mangle)]
pub extern "C" fn second_panics_and_catches(number: i32) -> i32 {
    std::panic::set_hook(Box::new(|_| ()));
    match std::panic::catch_unwind(|| std::panic::panic_any(number)) {
        Ok(()) => -1,
        Err(payload) => payload.downcast_ref::<i32>().copied().unwrap_or(-1),
    }
}

/// The sum of the numbers below `number`, computed with a thread, a channel and the heap.
#[unsafe(no_mangle)]
pub extern "C" fn second_counts_on_a_thread(number: i32) -> i32 {
    let (sender, receiver) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || (0..number).for_each(|n| sender.send(vec![n]).unwrap_or(())));
    let sum = receiver.iter().flatten().sum();
    if thread.join().is_ok() { sum } else { -1 }
}
