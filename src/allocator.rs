//! The program's allocator. A file of its own for the tests that hold tables up to a limit: what one of them frees must
//! not count against the limit of the next.

// Gives freed memory back to the system soon, which a limit on the resident size needs. Measured on a grouping of 60
// million rows and a sort of them at 512 MB: a peak of 490 MB, with mimalloc 680 MB in the same time.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Large buffers go back to where small ones do. By default the allocator gives those of 8 MiB and more to the system as
/// soon as they are free, and hash tables and joins ask for such all the time: measured at 512 MB, a tenth of the time
/// of a join or a grouping was spent in page faults.
#[allow(unsafe_code)]
// SAFETY: the name is the allocator's own for its options; it reads the pointer, to a text that ends with a zero.
#[unsafe(export_name = "_rjem_malloc_conf")]
static ALLOCATOR_OPTIONS: Option<&std::ffi::c_char> = Some({
    const TEXT: &std::ffi::CStr = c"oversize_threshold:0";
    // SAFETY: the text is not empty.
    unsafe { &*TEXT.as_ptr() }
});

/// Lets a budget that nears its limit have the free memory given back.
pub(crate) fn install() {
    partita::memory::set_purge(purge);
}

/// Gives all memory that is free, but kept for the next to ask, back to the system.
#[allow(unsafe_code)]
fn purge() {
    use std::ptr::null_mut;
    // SAFETY: the name ends with a zero, and this command neither reads nor writes a value. 4096 stands for all arenas.
    // It fails only for a name that is not known.
    unsafe { tikv_jemalloc_sys::mallctl(c"arena.4096.purge".as_ptr(), null_mut(), null_mut(), null_mut(), 0) };
}
