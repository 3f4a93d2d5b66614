//! A test that fails by returning an error has dropped its tenants by then: they are held back until it is known.

use std::cell::RefCell;
use std::fmt::Debug;
use std::sync::Arc;
use std::thread;

use suho_stack::stack::tenants::Tenant;

thread_local! {
    /// The tenants of the test that this thread runs; `None` where nobody judges it.
    static HELD: RefCell<Option<Vec<Arc<Tenant>>>> = const { RefCell::new(None) };
}

/// What a test can come to.
#[diagnostic::on_unimplemented(message = "a test that borrows the stack returns nothing or a `Result`")]
pub trait Verdict {
    /// Whether the test failed.
    fn is_failure(&self) -> bool;
}

impl Verdict for () {
    fn is_failure(&self) -> bool {
        false
    }
}

impl<E: Debug> Verdict for Result<(), E> {
    fn is_failure(&self) -> bool {
        self.is_err()
    }
}

/// Runs a test, and keeps its tenants where it fails.
pub async fn judged<V: Verdict>(test: impl Future<Output = V>) -> V {
    let _judging = Judging::begin();
    let verdict = test.await;
    let held = HELD.take().unwrap_or_default();
    if verdict.is_failure() {
        for tenant in &held {
            tenant.keep();
        }
    }
    verdict
}

/// Holds `tenant` back until its test is judged. One that panics has failed, and the tenant sees that by itself.
pub(crate) fn await_verdict(tenant: &Arc<Tenant>) {
    if thread::panicking() {
        return;
    }
    // Gone where the thread ends, and with it whoever judges.
    let _ = HELD.try_with(|held| {
        if let Some(held) = held.borrow_mut().as_mut() {
            held.push(Arc::clone(tenant));
        }
    });
}

/// As long as it lives, this thread's test is judged.
struct Judging;

impl Judging {
    fn begin() -> Self {
        HELD.set(Some(Vec::new()));
        Self
    }
}

impl Drop for Judging {
    fn drop(&mut self) {
        HELD.set(None);
    }
}
