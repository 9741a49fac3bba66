//! Pieces of work over a few threads.

use std::sync::Mutex;

/// Runs `work` over all items with one thread per scratch, in the order of the items.
///
/// # Errors
/// The error of the first item, in order, that failed: every item before it was finished.
pub(super) fn for_each<S: Send, T: Send, E: Send>(
    scratch: &mut [S],
    items: Vec<T>,
    work: impl Fn(&mut S, T) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let threads = scratch.len().min(items.len());
    if threads <= 1 {
        let Some(scratch) = scratch.first_mut() else { return Ok(()) };
        return items.into_iter().try_for_each(|item| work(scratch, item));
    }
    let queue = Mutex::new((items.into_iter().enumerate(), None::<(usize, E)>));
    std::thread::scope(|scope| {
        for scratch in &mut scratch[..threads] {
            scope.spawn(|| {
                while let Some((index, item)) = take(&queue) {
                    if let Err(error) = work(scratch, item) {
                        let mut state = lock(&queue);
                        if state.1.as_ref().is_none_or(|(first, _)| index < *first) {
                            state.1 = Some((index, error));
                        }
                    }
                }
            });
        }
    });
    match lock(&queue).1.take() {
        Some((_, error)) => Err(error),
        None => Ok(()),
    }
}

type Queue<T, E> = Mutex<(std::iter::Enumerate<std::vec::IntoIter<T>>, Option<(usize, E)>)>;

/// Takes the next item, or none once anything failed.
fn take<T, E>(queue: &Queue<T, E>) -> Option<(usize, T)> {
    let mut state = lock(queue);
    if state.1.is_some() { None } else { state.0.next() }
}

/// A worker that panicked is re-raised by the scope, so a poisoned lock holds nothing anyone will use.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn every_item_is_worked_on_once_whatever_the_threads() {
        for threads in 1..5 {
            let sum = AtomicU64::new(0);
            let done = for_each::<_, _, ()>(&mut vec![(); threads], (0..1000u64).collect(), |(), item| {
                sum.fetch_add(item * item, Ordering::Relaxed);
                Ok(())
            });
            assert_eq!((done, sum.into_inner()), (Ok(()), 332_833_500));
        }
    }

    #[test]
    fn the_first_failure_in_order_is_reported() {
        for threads in 1..5 {
            let result = for_each(
                &mut vec![(); threads],
                (0..100).collect(),
                |(), item: i32| if item % 7 == 6 { Err(item) } else { Ok(()) },
            );
            assert_eq!(result, Err(6));
        }
    }
}
