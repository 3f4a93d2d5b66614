use std::{collections::BTreeSet, fs, process::Command};

use super::nix;
use crate::{root, run, stdout};
