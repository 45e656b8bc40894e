//! Which allocator serves the programs, and what it does with freed memory. Segments come and go in buffers of megabytes, and each
//! record passes from a thread of librdkafka, which allocates it, to ours, which frees it: the C library's allocator has
//! both wait for one lock, or gives memory back that the kernel then clears again. Never changes how much is in use: the
//! budget does that (MEM-1).

#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub use jemalloc::{ALLOCATOR, Allocator};
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub use system::{ALLOCATOR, Allocator};

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)]
mod jemalloc {
    use std::ffi::c_char;

    /// For Rust; a feature of its crate puts it in the place of `malloc` for the C libraries too.
    pub type Allocator = tikv_jemallocator::Jemalloc;
    /// To be the program's `#[global_allocator]`.
    pub const ALLOCATOR: Allocator = tikv_jemallocator::Jemalloc;

    /// One pool for all threads, each with a small cache of its own; what is freed stays for the next segment, and goes back to the
    /// kernel over a second. Figures in `benches/NOTES.md`; the user's `MALLOC_CONF` overrides them.
    // SAFETY: jemalloc asks for a symbol of this name that points to a C string.
    #[unsafe(export_name = "malloc_conf")]
    static SETTINGS: Option<&'static c_char> =
        // SAFETY: the first byte of a literal.
        Some(unsafe { &*c"narenas:1,dirty_decay_ms:1000,muzzy_decay_ms:0".as_ptr() });
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod system {
    /// The platform's own.
    pub type Allocator = std::alloc::System;
    /// To be the program's `#[global_allocator]`.
    pub const ALLOCATOR: Allocator = std::alloc::System;
}
