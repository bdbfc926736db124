//! The `openclaw-tunnel` program: looks after one tunnel, and becomes the ssh of one. `openclaw` starts it; see
//! [`remote::tunnel`] for what it does and why it is a program of its own.

use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let line: Vec<OsString> = std::env::args_os().skip(1).collect();
    remote::tunnel::run(&line).unwrap_or_else(|| {
        eprintln!("openclaw-tunnel is started by openclaw; try: openclaw remote up");
        ExitCode::from(2)
    })
}
