//! The warm stack, borrowed as any crate borrows it by the tests that need engines and nothing of their own.

use suho_stack::{
    engines::Endpoint,
    stack::{ImageSource, SharedStack, Stack},
};
use tokio::sync::OnceCell;

static STACK: OnceCell<SharedStack> = OnceCell::const_new();

/// All engines, of the edition whose promises these tests know.
pub async fn stack() -> SharedStack {
    let stack = STACK.get_or_init(|| async {
        let builder = Stack::builder().name("it").images(ImageSource::Airgap);
        builder.shared().await.unwrap()
    });
    stack.await.clone()
}

/// Where `service` is reached.
pub async fn endpoint(service: &str) -> Endpoint {
    stack().await.endpoint(service).unwrap().clone()
}
