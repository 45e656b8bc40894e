//! How the process keeps the memory that it frees. Segments come and go in buffers of megabytes, on several threads; by
//! default the C library gives each large one back to the kernel at once, which then clears the same pages again: a sixth of
//! the archiver's time, measured (`benches/NOTES.md`). Never changes how much is in use: the budget does that (MEM-1).

/// Frees go to the next allocation instead of the kernel, and all threads share one pool. Called once, before threads
/// begin; where the C library is not glibc it does nothing, and costs nothing but speed.
pub fn keep_what_is_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    glibc::set();
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)]
mod glibc {
    use std::ffi::c_int;

    /// From malloc.h: memory kept at the top of the heap, its growth, what is large enough for a mapping of its own (at most
    /// 32 MiB), and how many pools there are.
    const SETTINGS: [(c_int, c_int); 4] = [(-1, 1 << 30), (-2, 4 << 20), (-3, 32 << 20), (-8, 1)];

    unsafe extern "C" {
        fn mallopt(parameter: c_int, value: c_int) -> c_int;
    }

    pub(super) fn set() {
        for (parameter, value) in SETTINGS {
            // SAFETY: takes two numbers; one that it does not know changes nothing.
            unsafe { mallopt(parameter, value) };
        }
    }
}
