//! The same work on several things at once.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

/// Does something with each of these, on so many threads, the first ones first. What comes of it stands in their order.
pub(super) fn several<T: Sync, R: Send>(things: &[T], threads: usize, make: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (next, made) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some((at, thing)) = things.iter().enumerate().nth(next.fetch_add(1, Ordering::Relaxed)) {
            let one = make(thing);
            made.lock().unwrap_or_else(PoisonError::into_inner).push((at, one));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.clamp(1, things.len().max(1)) {
            scope.spawn(work);
        }
        work();
    });
    let mut made = made.into_inner().unwrap_or_else(PoisonError::into_inner);
    made.sort_by_key(|(at, _)| *at);
    made.into_iter().map(|(_, one)| one).collect()
}
