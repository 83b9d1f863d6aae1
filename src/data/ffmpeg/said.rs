//! What ffmpeg says on its standard error, line by line: streams, times and sizes of frames, and complaints.

use std::collections::VecDeque;

/// Bytes of a line that are looked at; what a stream carries along (user data) can be far longer.
const LINE: usize = 4096;

/// Everything understood so far.
#[derive(Debug, Default)]
pub(super) struct Said {
    line: Vec<u8>,
    /// Frames announced and not yet read from the pipe, in order.
    pub(super) frames: VecDeque<Announced>,
    /// Video streams of the file, in order: number, then codec and size as ffmpeg writes them.
    videos: Vec<(String, String)>,
    /// The number of the stream that is decoded.
    chosen: Option<String>,
    /// The first complaint.
    pub(super) error: Option<String>,
    /// Seconds a tick.
    tick: f64,
    /// Seconds a frame, where frames carry no time.
    pace: f64,
    last: Option<f64>,
    mapped: bool,
}

/// A frame that is about to come through the pipe.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Announced {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Seconds since the file began.
    pub(super) seconds: f64,
}

impl Said {
    /// Takes in the next bytes.
    pub(super) fn hear(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = LINE.saturating_sub(self.line.len());
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                self.understand(String::from_utf8_lossy(&line).trim_end());
            }
        }
    }

    /// The stream that was decoded, and how many video streams there were.
    pub(super) fn stream(&self) -> (String, usize) {
        let known = self.videos.iter().find(|(number, _)| Some(number) == self.chosen.as_ref()).or(self.videos.first());
        let name = known.map(|(number, what)| format!("{number} {what}")).unwrap_or_default();
        (name, self.videos.len())
    }

    /// Whether what is decoded is a cover picture and no film.
    pub(super) fn is_cover(&self) -> bool {
        let chosen = self.videos.iter().find(|(number, _)| Some(number) == self.chosen.as_ref());
        chosen.is_some_and(|(_, what)| what.ends_with("(cover)"))
    }

    fn understand(&mut self, line: &str) {
        let (speaker, level, text) = take_apart(line);
        if matches!(level, "error" | "fatal" | "panic") {
            self.error.get_or_insert_with(|| text.trim().to_owned());
        } else if speaker.starts_with("Parsed_showinfo") {
            // Before the mapping only the file speaks (its name, its tags), and it could say anything.
            if self.mapped {
                self.show_info(text);
            }
        } else if text.starts_with("Stream mapping:") {
            self.mapped = true;
        } else if let Some(stream) = text.trim_start().strip_prefix("Stream #0:") {
            self.stream_line(stream);
        }
    }

    /// `config in time_base: 1/15360, frame_rate: 30/1`, or `n:   0 pts:      0 pts_time:0 ... s:128x228 ...`.
    fn show_info(&mut self, text: &str) {
        if let Some(config) = text.strip_prefix("config in time_base: ") {
            let mut ratios = config.split(", frame_rate: ").map(ratio);
            self.tick = ratios.next().flatten().unwrap_or(0.0);
            self.pace = ratios.next().flatten().filter(|rate| *rate > 0.0).map_or(1.0 / 25.0, |rate| 1.0 / rate);
        }
        if !text.starts_with("n:") {
            return;
        }
        let value = |key: &str| {
            let rest = text.split(key).nth(1)?.trim_start();
            rest.split(' ').next()
        };
        let size = value(" s:").and_then(|size| size.split_once('x')).and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
        let Some((width, height)) = size else { return };
        let told = value(" pts:").and_then(|ticks| ticks.parse::<f64>().ok()).map(|ticks| ticks * self.tick);
        let seconds = told.or(self.last.map(|last| last + self.pace)).unwrap_or(0.0);
        // A decoder that works in another thread may complain into the same line.
        let tail = text.rsplit_once(" type:").and_then(|(_, tail)| tail.get(1..)).unwrap_or_default().trim();
        if !tail.is_empty() {
            self.error.get_or_insert_with(|| tail.to_owned());
        }
        self.last = Some(seconds);
        self.frames.push_back(Announced { width, height, seconds });
    }

    /// Behind `Stream #0:`: `1[0x2](eng): Video: h264 (High), yuv420p, 340x256 [SAR 1:1], ...`, or in the mapping `1 -> #0:0 (...)`.
    fn stream_line(&mut self, text: &str) {
        let number: String = text.chars().take_while(char::is_ascii_digit).collect();
        if self.mapped {
            if text.contains(" -> #") && self.chosen.is_none() {
                self.chosen = Some(format!("#{number}"));
            }
            return;
        }
        let Some((_, what)) = text.split_once(": Video: ") else { return };
        let codec = what.split([' ', ',']).next().unwrap_or_default();
        let size = what.split([' ', ',']).find(|word| is_size(word)).unwrap_or("of no size");
        let cover = if what.contains("(attached pic)") { " (cover)" } else { "" };
        self.videos.push((format!("#{number}"), format!("{codec} {size}{cover}")));
    }
}

/// Speaker, level and text of `[h264 @ 0x55d1] [error] text` or `[info] text`; of several speakers the last.
fn take_apart(line: &str) -> (&str, &str, &str) {
    let (mut speaker, mut rest) = ("", line);
    while let Some((word, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        if !word.contains(" @ ") {
            return (speaker, word, after);
        }
        (speaker, rest) = (word, after);
    }
    (speaker, "", rest)
}

fn ratio(text: &str) -> Option<f64> {
    let (above, below) = text.trim().split_once('/')?;
    let (above, below) = (above.parse::<f64>().ok()?, below.parse::<f64>().ok()?);
    (below != 0.0).then_some(above / below)
}

fn is_size(word: &str) -> bool {
    word.split_once('x')
        .is_some_and(|(w, h)| [w, h].iter().all(|side| !side.is_empty() && side.bytes().all(|b| b.is_ascii_digit())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
[info] Input #0, mov,mp4, from 'file:[info] x.mp4':
[info]   Duration: 00:00:01.10, start: 0.000000, bitrate: 1153 kb/s
[info]   Stream #0:0[0x1](und): Video: h264 (High) (avc1 / 0x31637661), yuv420p(progressive), 340x256 [SAR 1024:765 DAR 16:9], 30 fps
[info]   Stream #0:1(eng): Audio: aac, 44100 Hz
[info]   Stream #0:2: Video: mjpeg, yuvj420p, 640x480, 90k tbr (attached pic)
[info] Stream mapping:
[info]   Stream #0:0 -> #0:0 (h264 (native) -> rawvideo (native))
[Parsed_showinfo_2 @ 0x55c1758d8680] [info] config in time_base: 1/15360, frame_rate: 30/1
[Parsed_showinfo_2 @ 0x55c1758d8680] [info] config out time_base: 0/0, frame_rate: 0/0
[Parsed_showinfo_2 @ 0x55c1758d8680] [info] n:   0 pts:      0 pts_time:0       pos:       48 fmt:rgb24 sar:513/512 s:128x228 i:P iskey:1 type:I 
[Parsed_showinfo_2 @ 0x55c1758d8680] [info]   side data - User Data Unregistered:
[info]   Stream #0:0(und): Video: rawvideo (RGB[24] / 0x18424752), rgb24(pc), 128x228 [SAR 513:512 DAR 9:16]
[mov,mp4 @ 0x5647f8] [NULL @ 0x5647f823cf40] [error] Invalid NAL unit size (-1 > 551).
[error] Error while decoding stream #0:0: Invalid data found when processing input
[Parsed_showinfo_2 @ 0x55c1758d8680] [info] n:   1 pts:    768 pts_time:0.05 pos:18316 fmt:rgb24 sar:513/512 s:128x228 i:P iskey:0 type:B 
[Parsed_showinfo_2 @ 0x55c1758d8680] [info] n:   2 pts:  NOPTS pts_time:NOPTS pos:18316 fmt:rgb24 sar:513/512 s:128x228 i:P iskey:0 type:B 
";

    #[test]
    fn streams_frames_and_the_first_complaint_are_heard_however_the_bytes_come() {
        for chunk in [1, 7, 4096] {
            let mut said = Said::default();
            LOG.as_bytes().chunks(chunk).for_each(|bytes| said.hear(bytes));
            assert_eq!(said.stream(), ("#0 h264 340x256".to_owned(), 2));
            assert!(!said.is_cover());
            assert_eq!(said.error.as_deref(), Some("Invalid NAL unit size (-1 > 551)."));
            let times: Vec<f64> = said.frames.iter().map(|frame| frame.seconds).collect();
            assert_eq!(times, [0.0, 0.05, 0.05 + 1.0 / 30.0]);
            assert!(said.frames.iter().all(|frame| (frame.width, frame.height) == (128, 228)));
        }
    }

    #[test]
    fn a_cover_is_no_film() {
        let mut said = Said::default();
        said.hear(b"[info]   Stream #0:1: Video: mjpeg, yuvj420p, 640x480, 90k tbr (attached pic)\n[info] Stream mapping:\n");
        said.hear(b"[info]   Stream #0:1 -> #0:0 (mjpeg (native) -> rawvideo (native))\n");
        assert!(said.is_cover());
    }

    #[test]
    fn an_endless_line_takes_no_memory() {
        let mut said = Said::default();
        (0..1000).for_each(|_| said.hear(&[b'7'; 1000]));
        assert!(said.line.len() <= LINE);
        said.hear(b"\n[error] still here\n");
        assert_eq!(said.error.as_deref(), Some("still here"));
    }
}
