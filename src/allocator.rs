//! The program's allocator. A file of its own for the tests that hold tables up to a limit: what one of them frees must
//! not count against the limit of the next.

// Gives freed memory back to the system soon, which a limit on the resident size needs. Measured on a grouping of 60
// million rows and a sort of them at 512 MB: a peak of 490 MB, with mimalloc 680 MB in the same time.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Large buffers go back to where small ones do. By default the allocator gives those of 8 MiB and more to the system as
/// soon as they are free, and hash tables and joins ask for such all the time: measured at 512 MB, a tenth of the time
/// of a join or a grouping was spent in page faults.
///
/// Each thread keeps what it has freed of 4 KiB and less for itself, not of 32 KiB and less: what threads keep is not given
/// back by a purge, and merges of many runs have dozens of threads read. Windows at 128 MB took 108 to 145 MB, and take 107.
///
/// An arena for each processor, not four: of the pages that one of those threads has let go, the next would use none. A sort
/// by texts of 160 kB at 128 MB took 131 to 137 MB and 11 s, and takes 121 MB and 7 s.
#[allow(unsafe_code)]
// SAFETY: the name is the allocator's own for its options; it reads the pointer, to a text that ends with a zero.
#[unsafe(export_name = "_rjem_malloc_conf")]
static ALLOCATOR_OPTIONS: Option<&std::ffi::c_char> = Some({
    const TEXT: &std::ffi::CStr = c"oversize_threshold:0,lg_tcache_max:12,percpu_arena:percpu";
    // SAFETY: the text is not empty.
    unsafe { &*TEXT.as_ptr() }
});

/// Lets a budget that nears its limit have the free memory given back.
pub(crate) fn install() {
    partita::memory::set_purge(purge);
}

/// Gives all memory that is free, but kept for the next to ask, back to the system, and the pages of the program's file.
#[allow(unsafe_code)]
fn purge() {
    use std::ptr::null_mut;
    // SAFETY: the name ends with a zero, and this command neither reads nor writes a value. 4096 stands for all arenas.
    // It fails only for a name that is not known.
    unsafe { tikv_jemalloc_sys::mallctl(c"arena.4096.purge".as_ptr(), null_mut(), null_mut(), null_mut(), 0) };
    #[cfg(target_os = "linux")]
    let_program_go();
}

/// Lets the pages of the program's own file go. What runs comes back at once from the system's file cache; what only the
/// start needed, planning, or an operator that is done, does not: measured at the smallest limit, 20 to 30 MB of code, and
/// of constants and of tables of the loader.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn let_program_go() {
    use std::ptr::NonNull;
    use std::sync::OnceLock;

    use nix::sys::mman::{MmapAdvise, madvise};

    static PAGES: OnceLock<Vec<(usize, usize)>> = OnceLock::new();
    for (start, end) in PAGES.get_or_init(pages) {
        let Some(address) = NonNull::new(*start as *mut std::ffi::c_void) else { continue };
        // SAFETY: these pages are mapped as long as the program runs, and nobody writes to them: what is let go is read
        // from the file again. Where that is refused they stay.
        let _ = unsafe { madvise(address, end - start, MmapAdvise::MADV_DONTNEED) };
    }
}

/// Where the program's file is mapped to be run, and what is mapped to be read right before that, from its beginning on.
/// What the loader has written to, and then made read-only, is not among that: it is no beginning. Nor is what somebody
/// else has mapped of the file, who may let it go: it does not end where the code begins.
#[cfg(target_os = "linux")]
fn pages() -> Vec<(usize, usize)> {
    let (Ok(program), Ok(maps)) = (std::env::current_exe(), std::fs::read_to_string("/proc/self/maps")) else {
        return Vec::new();
    };
    let address = |text: &str| usize::from_str_radix(text, 16).ok();
    let of_program = |line: &str| {
        let (mut fields, file) = (line.split_whitespace(), &line[line.find('/')?..]);
        let (start, end) = fields.next()?.split_once('-')?;
        let (rights, offset) = (fields.next()?.to_owned(), fields.next().and_then(address)?);
        (program.as_os_str() == file).then_some((address(start)?, address(end)?, rights, offset))
    };
    let all: Vec<_> = maps.lines().filter_map(of_program).collect();
    let code: Vec<_> =
        all.iter().filter(|(.., rights, _)| rights == "r-xp").map(|(start, end, ..)| (*start, *end)).collect();
    let before = |(_, end, rights, offset): &&(usize, usize, String, usize)| {
        rights == "r--p" && *offset == 0 && code.iter().any(|(start, _)| start == end)
    };
    let read = all.iter().filter(before).map(|(start, end, ..)| (*start, *end)).collect::<Vec<_>>();
    [code, read].concat()
}
