//! An engine that is killed; any would do.

use super::{Cause, Made, cause, docker};

pub fn causes(container: String) -> Vec<Cause> {
    vec![cause(&["EngineDown", "TargetDown"], || killed(container))]
}

async fn killed(container: String) -> Made {
    docker(&["kill", &container]).await;
    Made::undone_by(|| async move {
        docker(&["start", &container]).await;
    })
}
