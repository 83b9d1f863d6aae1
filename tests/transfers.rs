//! Whole transfers by the program: long protocols that are stopped and go on, and weights that come, go, and mean the same.

#[path = "transfers/fine_tuning.rs"]
mod fine_tuning;
#[path = "transfers/lab.rs"]
mod lab;
#[path = "transfers/python.rs"]
mod python;
#[path = "transfers/weights.rs"]
mod weights;
