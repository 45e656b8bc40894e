//! The allocator of the programs and its settings. Segments are buffers of megabytes, and one thread (librdkafka's)
//! allocates each record while another frees it. With the C library's allocator both contend for one lock, and memory
//! that it returns must be cleared by the kernel again. The memory budget (MEM-1) is independent of the allocator.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub use jemalloc::{ALLOCATOR, Allocator};
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub use system::{ALLOCATOR, Allocator};

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code, reason = "jemalloc reads its settings from a symbol")]
mod jemalloc {
    use std::ffi::c_char;

    /// jemalloc, for Rust and, by a feature of its crate, in place of `malloc` for the C libraries.
    pub type Allocator = tikv_jemallocator::Jemalloc;
    /// The value for the program's `#[global_allocator]`.
    pub const ALLOCATOR: Allocator = tikv_jemallocator::Jemalloc;

    /// One arena for all threads, each with a small cache of its own. Freed memory serves the next segment and returns to
    /// the kernel over one second. Measurements are in `benches/NOTES.md`; the user's `MALLOC_CONF` overrides this.
    // SAFETY: jemalloc reads a symbol of this name as a pointer to a C string.
    #[unsafe(export_name = "malloc_conf")]
    static SETTINGS: Option<&'static c_char> =
        // SAFETY: points to the first byte of a static, NUL-terminated literal.
        Some(unsafe { &*c"narenas:1,dirty_decay_ms:1000,muzzy_decay_ms:0".as_ptr() });
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod system {
    /// The platform's allocator.
    pub type Allocator = std::alloc::System;
    /// The value for the program's `#[global_allocator]`.
    pub const ALLOCATOR: Allocator = std::alloc::System;
}
