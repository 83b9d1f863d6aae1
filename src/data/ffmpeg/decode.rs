//! One video, frame by frame, through a pipe.

use super::said::{Announced, Said};
use super::{Ffmpeg, Rejected};
use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::ffi::OsString;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

/// A frame may have at most this many bytes: 8192 x 8192 pixels.
const LARGEST: usize = 8192 * 8192 * 3;

/// The most that the kernel gives a pipe without asking root: fewer changes between the two processes.
const PIPE: i32 = 1 << 20;

/// How often the patience may run out while ffmpeg is at work without a frame.
const PATIENCES: u32 = 20;

/// How a video is to be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    /// The short side is brought down to this many pixels; a smaller picture stays as it is.
    pub short_side: Option<usize>,
    /// At most this many frames of a second, each with its own time: the first one in every 1/fps.
    pub fps: Option<f64>,
    /// This many frames, evenly spaced over this many seconds: the first one behind the middle of every part.
    pub even: Option<(usize, f64)>,
    /// Threads of one ffmpeg.
    pub threads: usize,
    /// The longest that ffmpeg may do nothing: say nothing, hand out nothing, compute nothing.
    pub patience: Duration,
}

/// One frame of a film.
pub struct Frame {
    /// `[height, width, 3]`.
    pub rgb: Vec<u8>,
    /// When it is shown, in seconds since the file began.
    pub seconds: f64,
}

/// A video that was decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct Film {
    /// Pixels from left to right: upright, with square pixels.
    pub width: usize,
    /// Pixels from top to bottom.
    pub height: usize,
    /// Frames handed out.
    pub frames: usize,
    /// The stream that was taken: its number in the file, codec and size, as in `#0 h264 340x256`.
    pub stream: String,
    /// Number of video streams in the file.
    pub streams: usize,
    /// What ffmpeg complained of first, when it did; the frames handed out are those that it could make all the same.
    pub damage: Option<String>,
}

impl Ffmpeg {
    /// Decodes a video in order and hands out its frames: upright, with square pixels, in full-range RGB, as ffmpeg shows them.
    ///
    /// Where the file has several video streams, ffmpeg takes the one with the most pixels. The inner result is [`Rejected`] when
    /// no frame can be decoded, the size changes on the way, ffmpeg was killed, or it does nothing for longer than the patience.
    ///
    /// # Errors
    /// When ffmpeg cannot be started: that is the machine's fault and not the file's.
    pub fn decode(&self, path: &Path, wish: &Wish, on_frame: &mut dyn FnMut(Frame)) -> Result<Result<Film, Rejected>> {
        let mut session = Session::begin(self, path, wish).with_context(|| format!("cannot start {}", self.program.display()))?;
        let read = session.read_all(wish.patience, on_frame);
        if read.is_err() {
            // One that has ended by itself does not mind.
            let _ = session.child.kill();
        }
        let status = session.child.wait().context("cannot wait for ffmpeg")?;
        let frames = session.film.count;
        let rejected = |reason| Ok(Err(Rejected { reason, frames }));
        if let Err(reason) = read {
            return rejected(reason.unwrap_or_else(|| "its frames cannot be read".into()));
        }
        if let Some(signal) = status.signal() {
            return rejected(format!("ffmpeg was ended by signal {signal}"));
        }
        Ok(session.film(path, status).map_err(|reason| Rejected { reason, frames }))
    }
}

/// An ffmpeg at work.
struct Session {
    child: Child,
    pixels: ChildStdout,
    words: ChildStderr,
    said: Said,
    film: Taken,
    /// The frame that is being read, and how far.
    frame: Option<(Announced, Vec<u8>, usize)>,
}

/// What was handed out so far.
#[derive(Default)]
struct Taken {
    size: Option<(usize, usize)>,
    count: usize,
    last: f64,
}

impl Session {
    /// What was read, when ffmpeg has ended by itself. The error is the reason why it is no film.
    fn film(self, path: &Path, status: ExitStatus) -> Result<Film, String> {
        let (stream, streams) = self.said.stream();
        let undelivered = usize::from(self.frame.is_some()) + self.said.frames.len();
        let damage = self.said.error.as_deref().map(|error| plain(error, path));
        let damage = damage.or((undelivered > 0).then(|| format!("{undelivered} frames were announced and did not come")));
        let damage = damage.or((!status.success()).then(|| format!("ffmpeg ended with {status}")));
        match self.film.size {
            Some(_) if self.said.is_cover() => Err("it holds a cover picture and no video".into()),
            Some((width, height)) if self.film.count > 0 => {
                Ok(Film { width, height, frames: self.film.count, stream, streams, damage })
            }
            _ if streams == 0 && self.said.error.is_none() => Err("it holds no video".into()),
            _ => Err(damage.unwrap_or_else(|| "it holds no frame that can be decoded".into())),
        }
    }

    fn begin(ffmpeg: &Ffmpeg, path: &Path, wish: &Wish) -> io::Result<Self> {
        let mut command = Command::new(&ffmpeg.program);
        command.args(["-hide_banner", "-nostats", "-nostdin", "-loglevel", "repeat+level+info"]);
        // A playlist that calls itself a video must not make this machine open connections.
        command.args(["-protocol_whitelist", "file", "-threads", &wish.threads.to_string()]);
        let mut input = OsString::from("file:");
        input.push(path);
        command.arg("-i").arg(input).args(["-an", "-sn", "-dn", "-vf", &filters(wish)]).args(ffmpeg.passthrough());
        command.args(["-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"]);
        // Ctrl-C on the terminal is for us, who finish the film; ffmpeg would end it early and call that a success.
        command.process_group(0);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (Some(pixels), Some(words)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(io::Error::other("ffmpeg has no pipes"));
        };
        // A kernel that gives less is slower, nothing else.
        let _ = fcntl(&pixels, FcntlArg::F_SETPIPE_SZ(PIPE));
        Ok(Session { child, pixels, words, said: Said::default(), film: Taken::default(), frame: None })
    }

    /// Reads both pipes to their ends. The error is the reason to give the video up; none where a pipe broke.
    fn read_all(&mut self, patience: Duration, on_frame: &mut dyn FnMut(Frame)) -> Result<(), Option<String>> {
        let (mut pixels_open, mut words_open) = (true, true);
        let mut heard = [0; 4096];
        while pixels_open || words_open {
            self.next_frame()?;
            // Pixels of a frame whose size was not heard yet wait in the pipe: it is announced before it comes.
            let can_read = pixels_open && (self.frame.is_some() || !words_open);
            let [ready_pixels, ready_words] = self.wait(can_read, words_open, patience)?;
            if ready_words {
                let count = self.words.read(&mut heard).map_err(|_| None)?;
                self.said.hear(&heard[..count]);
                words_open = count > 0;
            }
            if ready_pixels {
                pixels_open = self.read_pixels(on_frame)?;
            }
        }
        Ok(())
    }

    /// Waits until one of the wanted pipes has something to read.
    fn wait(&self, pixels: bool, words: bool, patience: Duration) -> Result<[bool; 2], Option<String>> {
        let timeout = PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX);
        let flags = |wanted| if wanted { PollFlags::POLLIN } else { PollFlags::empty() };
        let mut pipes = Vec::with_capacity(2);
        // A pipe that is not wanted is not polled at all, since its end would wake us for ever.
        pipes.extend(pixels.then(|| PollFd::new(self.pixels.as_fd(), flags(pixels))));
        pipes.extend(words.then(|| PollFd::new(self.words.as_fd(), flags(words))));
        let mut worked = self.worked();
        let mut patiences = 0;
        loop {
            match poll(&mut pipes, timeout) {
                // Far between two frames that are wanted there are many that are decoded for them.
                Ok(0) if self.worked() > worked && patiences < PATIENCES => (worked, patiences) = (self.worked(), patiences + 1),
                Ok(0) => return Err(Some(format!("ffmpeg did nothing for {} s and was stopped", patience.as_secs()))),
                Err(Errno::EINTR) => {}
                Err(_) => return Err(None),
                Ok(_) => {
                    let mut ready = pipes.iter().map(|pipe| pipe.any().unwrap_or(true));
                    let mut next = |wanted: bool| wanted && ready.next().unwrap_or(false);
                    return Ok([next(pixels), next(words)]);
                }
            }
        }
    }

    /// Processor time that ffmpeg has used so far, in ticks; 0 where the system does not tell.
    fn worked(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        // Behind the name, which is in brackets and may hold anything, utime and stime are the 12th and 13th (proc(5)).
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
        fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
    }

    /// Takes up the next announced frame when none is being read.
    fn next_frame(&mut self) -> Result<(), Option<String>> {
        if self.frame.is_some() {
            return Ok(());
        }
        let Some(next) = self.said.frames.pop_front() else { return Ok(()) };
        let bytes = next.width.saturating_mul(next.height).saturating_mul(3);
        if bytes == 0 || bytes > LARGEST {
            return Err(Some(format!("its frames of {}x{} pixels are too large", next.width, next.height)));
        }
        let size = (next.width, next.height);
        let (width, height) = *self.film.size.get_or_insert(size);
        if size != (width, height) {
            let Announced { seconds, .. } = next;
            return Err(Some(format!("its size changes from {width}x{height} to {}x{} at {seconds:.2} s", size.0, size.1)));
        }
        self.frame = Some((next, vec![0; bytes], 0));
        Ok(())
    }

    /// Reads what there is of the frame, and hands it out when it is complete. False at the end of the pipe.
    fn read_pixels(&mut self, on_frame: &mut dyn FnMut(Frame)) -> Result<bool, Option<String>> {
        let Some((announced, mut rgb, filled)) = self.frame.take() else {
            // Bytes that no announcement covers can only be drained.
            return Ok(self.pixels.read(&mut [0; 4096]).map_err(|_| None)? > 0);
        };
        let count = self.pixels.read(&mut rgb[filled..]).map_err(|_| None)?;
        let filled = filled + count;
        if filled < rgb.len() {
            self.frame = Some((announced, rgb, filled));
            return Ok(count > 0);
        }
        // A broken file may step back in time; pairs are drawn by time, which only goes on.
        let seconds = announced.seconds.max(self.film.last);
        (self.film.last, self.film.count) = (seconds, self.film.count + 1);
        on_frame(Frame { rgb, seconds });
        Ok(true)
    }
}

/// Selection before scaling, so that no frame is scaled in vain; square pixels; and a line on every frame that comes through.
fn filters(wish: &Wish) -> String {
    let mut chain = Vec::new();
    if let Some(fps) = wish.fps {
        chain.push(format!("select='isnan(prev_selected_t)+gt(floor(t*{fps}+1e-6),floor(prev_selected_t*{fps}+1e-6))'"));
    }
    if let Some((count, seconds)) = wish.even {
        chain.push(format!("select='gte(t,(selected_n+0.5)*{})'", seconds / count as f64));
    }
    let shrink = wish.short_side.map_or("1".to_owned(), |side| format!("min(1,{side}/min(iw*sar,ih))"));
    chain.push(format!("scale=w='max(1,round(iw*sar*{shrink}))':h='max(1,round(ih*{shrink}))'"));
    chain.push("format=rgb24,showinfo=checksum=0".to_owned());
    chain.join(",")
}

/// A complaint without the name of the file in it.
fn plain(error: &str, path: &Path) -> String {
    error.replace(&format!("file:{}: ", path.display()), "").trim_end_matches('.').replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn the_filters_select_then_scale_then_tell() {
        let wish = Wish { short_side: Some(128), fps: Some(2.5), even: None, threads: 1, patience: Duration::from_secs(1) };
        assert_eq!(
            filters(&wish),
            "select='isnan(prev_selected_t)+gt(floor(t*2.5+1e-6),floor(prev_selected_t*2.5+1e-6))',\
             scale=w='max(1,round(iw*sar*min(1,128/min(iw*sar,ih))))':h='max(1,round(ih*min(1,128/min(iw*sar,ih))))',\
             format=rgb24,showinfo=checksum=0"
        );
        let wish = Wish { short_side: None, fps: None, even: Some((4, 10.0)), ..wish };
        assert_eq!(
            filters(&wish),
            "select='gte(t,(selected_n+0.5)*2.5)',scale=w='max(1,round(iw*sar*1))':h='max(1,round(ih*1))',format=rgb24,showinfo=checksum=0"
        );
    }

    /// A program that stands in for ffmpeg.
    fn fake(folder: &Path, script: &str) -> Ffmpeg {
        let program = folder.join("ffmpeg");
        // By another process: what a process has open to write, if only in a child that another test is starting, cannot be run.
        let mut install =
            Command::new("install").args(["-m", "755", "/dev/stdin"]).arg(&program).stdin(Stdio::piped()).spawn().unwrap();
        install.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        assert!(install.wait().unwrap().success());
        Ffmpeg { program, version: "6.0".into(), release: Some((6, 0)) }
    }

    const WISH: Wish = Wish { short_side: None, fps: None, even: None, threads: 1, patience: Duration::from_millis(50) };

    /// What becomes of a film of 2x1 pixels whose second frame does not come.
    fn ending(end: &str) -> Result<Film, Rejected> {
        let folder = tempfile::tempdir().unwrap();
        let line = |n: usize| format!("[Parsed_showinfo_2 @ 0x1] [info] n: {n} pts: {n} pts_time:0 s:2x1 ");
        let words = format!("[info] Stream mapping:\\n{}\\n{}\\n", line(0), line(1));
        let script = format!("#!/bin/sh\nprintf '{words}' >&2\nprintf 123456\nprintf 12\n{end}\n");
        fake(folder.path(), &script).decode(Path::new("x.mp4"), &WISH, &mut |_| ()).unwrap()
    }

    #[test]
    fn an_ffmpeg_that_ends_before_its_time_is_noticed() {
        assert_eq!(ending("exit 0").unwrap().damage.unwrap(), "1 frames were announced and did not come");
        // This one no shell ignores, also where it was started in the background.
        assert_eq!(ending("kill -KILL $$").unwrap_err(), Rejected { reason: "ffmpeg was ended by signal 9".into(), frames: 1 });
    }

    #[test]
    fn a_program_that_cannot_be_started_is_no_fault_of_the_file() {
        let ffmpeg = Ffmpeg { program: "/no/such/ffmpeg".into(), version: "6.0".into(), release: Some((6, 0)) };
        assert!(
            ffmpeg.decode(Path::new("x.mp4"), &WISH, &mut |_| ()).unwrap_err().to_string().starts_with("cannot start /no/such")
        );
    }

    #[test]
    fn a_program_that_hangs_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let ffmpeg = fake(folder.path(), "#!/bin/sh\nexec sleep 600\n");
        let rejected = ffmpeg.decode(Path::new("x.mp4"), &WISH, &mut |_| ()).unwrap().unwrap_err();
        assert_eq!(rejected, Rejected { reason: "ffmpeg did nothing for 0 s and was stopped".into(), frames: 0 });
    }
}
