//! Progress lines on standard error, tables on standard output.

/// A line on standard output; where it cannot be written the command ends, and says so.
macro_rules! say {
    ($($words:tt)*) => { $crate::output::write_line(format_args!($($words)*)) };
}

/// A line on standard error, which nobody may be reading.
macro_rules! note {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($words)*);
    }};
}

use std::{
    fmt::{self, Display},
    io::{self, Write},
    process,
    time::Duration,
};

use suho_stack::{engines, stack::Progress};

/// The width of an engine's name in a progress line.
const NAME_WIDTH: usize = 14;

/// Says what happens while one waits.
pub fn tell(progress: Progress) {
    match progress {
        Progress::Image { service, image, origin } => {
            line(&service, format_args!("{origin}: {}", without_digest(&image)));
        }
        Progress::Absent { service, reason } => line(&service, format_args!("absent: {}", brief(&reason))),
        Progress::Pulling { image, elapsed } => {
            line(
                "images",
                format_args!("{:>6} pulling {}", seconds(elapsed), without_digest(&image)),
            );
        }
        Progress::Building(step) => line(&step.image, format_args!("{:>6} {}", seconds(step.elapsed), step.step)),
        Progress::Launched { service, elapsed } => line(&service, format_args!("{:>6} launched", seconds(elapsed))),
        Progress::Waiting {
            service,
            reason,
            elapsed,
        } => {
            line(
                &service,
                format_args!("{:>6} waits: {}", seconds(elapsed), brief(&reason)),
            );
        }
        Progress::LimitsRefused => line(
            "limits",
            "the Docker engine may not raise them here: open files and locked memory are as it has them itself",
        ),
        Progress::Ready {
            service,
            version,
            elapsed,
        } => {
            line(&service, format_args!("{:>6} ready: {version}", seconds(elapsed)));
        }
        progress @ (Progress::Elsewhere { .. }
        | Progress::Removal { .. }
        | Progress::Broken { .. }
        | Progress::Changed { .. }) => line("stack", progress),
    }
}

/// One line about one engine.
fn line(service: &str, words: impl Display) {
    note!("{:<NAME_WIDTH$} {words}", short(service));
}

/// As much of it as fits a line.
pub fn brief(reason: &str) -> String {
    const WIDTH: usize = 110;
    let line = reason.lines().next().unwrap_or_default();
    if line.chars().count() <= WIDTH {
        line.to_owned()
    } else {
        line.chars().take(WIDTH - 1).chain(['…']).collect()
    }
}

/// The work of a command is done when it prints, so that there is nothing left to undo where nobody can be told of it.
pub fn write_line(words: fmt::Arguments<'_>) {
    match writeln!(io::stdout(), "{words}") {
        // `suho ps | head -1` has seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            note!("suho: cannot write the output: {error}");
            process::exit(i32::from(crate::COULD_NOT_RUN));
        }
        _ => {}
    }
}

/// The engine's name: `suho-kafka` is `kafka` to a reader.
pub fn short(service: &str) -> &str {
    engines::by_service(service).map_or_else(|| service.trim_start_matches("suho-"), |engine| engine.name())
}

/// Tag and repository; the digest is for machines, behind the tag of a loaded image as well.
pub fn without_digest(image: &str) -> &str {
    let tagged = image.split('@').next().unwrap_or(image);
    tagged.split_once(".sha256-").map_or(tagged, |(tagged, _)| tagged)
}

/// `3.2 s`.
pub fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// Prints rows under headings, each column as wide as its widest cell.
pub fn table<const COLUMNS: usize>(headings: [&str; COLUMNS], rows: &[[String; COLUMNS]]) {
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .chain([headings[column].len()])
            .max()
            .unwrap_or_default()
    };
    let print = |cells: [&str; COLUMNS]| {
        let padded: Vec<String> = cells
            .iter()
            .enumerate()
            .map(|(column, cell)| format!("{cell:<width$}", width = width(column)))
            .collect();
        say!("{}", padded.join("  ").trim_end());
    };
    print(headings);
    for row in rows {
        print(std::array::from_fn(|column| row[column].as_str()));
    }
}
