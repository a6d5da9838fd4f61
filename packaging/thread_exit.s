# Linked into the library where it is linked with a glibc that has this function, and is to run with an older one: hidden, it
# is no symbol of glibc, and weak, it may be missing. Rust's standard library has a substitute, which it takes then.
    .weak __cxa_thread_atexit_impl
    .hidden __cxa_thread_atexit_impl
