use std::fs;

use rstest::rstest;

use super::Downstream;
use crate::copy_deployment;
