use super::compose::Deployment;
use super::error::DeploymentError;
use super::files::Files;
use super::variables::Variables;
pub(super) fn read(_: &Files, _: &[&str], _: &Variables) -> Result<Deployment, DeploymentError> {
    todo!()
}
