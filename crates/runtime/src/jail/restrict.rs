//! What the child gives up before it reads its first byte.
//!
//! The list of system calls is the wall: what is not on it fails. Three things that jails often have besides would add nothing
//! behind it, and cost their own code:
//!
//! - Landlock rules what paths may be opened and what ports connected to. No call that opens, binds, connects, renames or
//!   signals is on the list, and Landlock does not rule the three pipes that are open.
//! - A user of its own keeps processes of one user apart: their files, signals, memory. Those calls are not on the list, either,
//!   the child cannot be traced, and to become another user it would have to start as root, which no part of phonebox needs.
//! - A control group bounds many processes together. This is one, which cannot start another, so what its limits say of its
//!   address space and its time is all that it can take. A group could also let others come first at the processors, as could
//!   a lower priority, which was tried: on a busy machine it made harmless components late. Two at once is bound enough.

#[cfg(unix)]
use rustix::process::{Resource, Rlimit, setrlimit};

use super::Bounds;

/// Descriptors that the child may have open.
#[cfg(unix)]
const FILES: u64 = 16;

/// Gives up what can be given up here, for good. Tells what cannot, in words for the operator.
pub(super) fn restrict(bounds: Bounds) -> Vec<&'static str> {
    let mut missing = Vec::new();
    let mut need = |holds: bool, what| {
        if !holds {
            missing.push(what);
        }
    };
    #[cfg(unix)]
    {
        need(limit(Resource::Core, 0), "a crash may leave a core file");
        need(
            limit(Resource::As, bounds.memory_mib.saturating_mul(1 << 20)),
            "memory is not bounded",
        );
        need(
            limit(Resource::Cpu, bounds.cpu_seconds),
            "computing is not bounded",
        );
        need(limit(Resource::Fsize, 0), "files may be written");
        need(
            limit(Resource::Nofile, FILES),
            "descriptors are not bounded",
        );
        need(limit(Resource::Nproc, 0), "processes are not bounded");
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{
            DumpableBehavior, Signal, set_dumpable_behavior, set_parent_process_death_signal,
        };
        need(
            set_parent_process_death_signal(Some(Signal::KILL)).is_ok(),
            "it may outlive its parent",
        );
        need(
            set_dumpable_behavior(DumpableBehavior::NotDumpable).is_ok(),
            "other processes may read its memory",
        );
        need(
            rustix::thread::set_no_new_privs(true).is_ok(),
            "it may gain privileges",
        );
        need(
            filter_system_calls().is_ok(),
            "system calls are not filtered: files, network and processes are in reach",
        );
    }
    #[cfg(not(target_os = "linux"))]
    need(
        false,
        "system calls cannot be filtered on this platform: files, network and processes are in reach",
    );
    #[cfg(not(unix))]
    need(
        false,
        "memory and computing cannot be bounded on this platform",
    );
    missing
}

/// Tries what must not be possible any more. Tells what is.
pub(super) fn still_possible() -> Vec<&'static str> {
    let mut possible = Vec::new();
    let mut must_fail = |failed: bool, what| {
        if !failed {
            possible.push(what);
        }
    };
    must_fail(std::fs::File::open("/").is_err(), "files can be opened");
    let socket = std::net::UdpSocket::bind("127.0.0.1:0");
    must_fail(socket.is_err(), "the network is in reach");
    let thread = std::thread::Builder::new().spawn(|| {});
    must_fail(thread.is_err(), "processes can be started");
    possible
}

#[cfg(unix)]
fn limit(resource: Resource, most: u64) -> bool {
    let most = Some(most);
    let limit = Rlimit {
        current: most,
        maximum: most,
    };
    setrlimit(resource, limit).is_ok()
}

/// Leaves the system calls that computing, memory and the three open pipes need. Everything else fails with `EPERM`: there is
/// nothing to open, to connect to, to start or to signal.
#[cfg(target_os = "linux")]
fn filter_system_calls() -> Result<(), seccompiler::Error> {
    use std::collections::BTreeMap;

    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen as Length, SeccompCmpOp as Compare,
        SeccompCondition as Condition, SeccompFilter, SeccompRule as Rule,
    };

    let allowed = [
        libc::SYS_brk,
        libc::SYS_clock_gettime,
        libc::SYS_clock_nanosleep,
        libc::SYS_close,
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_fstat,
        libc::SYS_futex,
        libc::SYS_getpid,
        libc::SYS_getrandom,
        libc::SYS_gettid,
        libc::SYS_lseek,
        libc::SYS_madvise,
        libc::SYS_mremap,
        libc::SYS_munmap,
        libc::SYS_poll,
        libc::SYS_read,
        libc::SYS_readv,
        libc::SYS_restart_syscall,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sched_getaffinity,
        libc::SYS_sched_yield,
        libc::SYS_sigaltstack,
        libc::SYS_write,
        libc::SYS_writev,
    ];
    // Where rules are given, one of them has to hold.
    let mut rules: BTreeMap<i64, Vec<Rule>> =
        allowed.into_iter().map(|call| (call, Vec::new())).collect();
    let only = |argument, compare, value| {
        let condition = Condition::new(argument, Length::Dword, compare, value)?;
        Ok::<_, seccompiler::BackendError>(vec![Rule::new(vec![condition])?])
    };
    // What it compiles is not run in here: no memory becomes code.
    let code = u64::from(libc::PROT_EXEC.unsigned_abs());
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        rules.insert(call, only(2, Compare::MaskedEq(code), 0)?);
    }
    // It may abort itself, and nobody else.
    let own = u64::from(std::process::id());
    rules.insert(libc::SYS_tgkill, only(0, Compare::Eq, own)?);
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Errno(libc::EPERM.unsigned_abs()),
        SeccompAction::Allow,
        std::env::consts::ARCH.try_into()?,
    )?;
    let program: BpfProgram = filter.try_into()?;
    seccompiler::apply_filter(&program)
}
