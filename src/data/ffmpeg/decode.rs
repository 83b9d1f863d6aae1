//! One video, frame by frame, through a pipe.

use super::said::{Announced, Said};
use super::{Ffmpeg, Rejected};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::ffi::OsString;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::time::Duration;

/// A frame may have at most this many bytes: 8192 x 8192 pixels.
const LARGEST: usize = 8192 * 8192 * 3;

/// The most that the kernel gives a pipe without asking root: fewer changes between the two processes.
const PIPE: i32 = 1 << 20;

/// How a video is to be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    /// The short side is brought down to this many pixels; a smaller picture stays as it is.
    pub short_side: Option<usize>,
    /// At most this many frames of a second, each with its own time: the first one in every 1/fps.
    pub fps: Option<f64>,
    /// Threads of one ffmpeg.
    pub threads: usize,
    /// The longest that ffmpeg may take to say anything or hand out a frame.
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
    /// Where the file has several video streams, ffmpeg takes the one with the most pixels.
    ///
    /// # Errors
    /// [`Rejected`] when no frame can be decoded, the size changes on the way, or ffmpeg says nothing for longer than the
    /// patience.
    pub fn decode(&self, path: &Path, wish: &Wish, on_frame: &mut dyn FnMut(Frame)) -> Result<Film, Rejected> {
        let mut session = Session::begin(self, path, wish).map_err(|error| session_failed(&error))?;
        let read = session.read_all(wish.patience, on_frame);
        // Whatever happened, no process and no zombie is left behind; one that has ended does not mind.
        let _ = session.child.kill();
        let _ = session.child.wait();
        let Session { said, film: taken, .. } = session;
        let rejected = |reason: String| Rejected { reason, frames: taken.count };
        read.map_err(|reason| rejected(reason.unwrap_or_else(|| "its frames cannot be read".into())))?;
        let (stream, streams) = said.stream();
        let damage = said.error.as_deref().map(|error| plain(error, path));
        match taken.size {
            Some(_) if said.is_cover() => Err(rejected("it holds a cover picture and no video".into())),
            Some((width, height)) => Ok(Film { width, height, frames: taken.count, stream, streams, damage }),
            None if streams == 0 && damage.is_none() => Err(rejected("it holds no video".into())),
            None => Err(rejected(damage.unwrap_or_else(|| "it holds no frame that can be decoded".into()))),
        }
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
    fn begin(ffmpeg: &Ffmpeg, path: &Path, wish: &Wish) -> io::Result<Self> {
        let mut command = Command::new(&ffmpeg.program);
        command.args(["-hide_banner", "-nostats", "-nostdin", "-loglevel", "repeat+level+info"]);
        // A playlist that calls itself a video must not make this machine open connections.
        command.args(["-protocol_whitelist", "file", "-threads", &wish.threads.to_string()]);
        let mut input = OsString::from("file:");
        input.push(path);
        command.arg("-i").arg(input).args(["-an", "-sn", "-dn", "-vf", &filters(wish)]).args(ffmpeg.passthrough());
        command.args(["-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"]);
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
        loop {
            match poll(&mut pipes, timeout) {
                Ok(0) => return Err(Some(format!("ffmpeg said nothing for {} s and was stopped", patience.as_secs()))),
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
    let shrink = wish.short_side.map_or("1".to_owned(), |side| format!("min(1,{side}/min(iw*sar,ih))"));
    chain.push(format!("scale=w='max(1,round(iw*sar*{shrink}))':h='max(1,round(ih*{shrink}))'"));
    chain.push("format=rgb24,showinfo=checksum=0".to_owned());
    chain.join(",")
}

/// A complaint without the name of the file in it.
fn plain(error: &str, path: &Path) -> String {
    error.replace(&format!("file:{}: ", path.display()), "").trim_end_matches('.').replace('\n', " ")
}

fn session_failed(error: &io::Error) -> Rejected {
    Rejected { reason: format!("ffmpeg cannot be started: {error}"), frames: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_select_then_scale_then_tell() {
        let wish = Wish { short_side: Some(128), fps: Some(2.5), threads: 1, patience: Duration::from_secs(1) };
        assert_eq!(
            filters(&wish),
            "select='isnan(prev_selected_t)+gt(floor(t*2.5+1e-6),floor(prev_selected_t*2.5+1e-6))',\
             scale=w='max(1,round(iw*sar*min(1,128/min(iw*sar,ih))))':h='max(1,round(ih*min(1,128/min(iw*sar,ih))))',\
             format=rgb24,showinfo=checksum=0"
        );
        let wish = Wish { short_side: None, fps: None, ..wish };
        assert_eq!(filters(&wish), "scale=w='max(1,round(iw*sar*1))':h='max(1,round(ih*1))',format=rgb24,showinfo=checksum=0");
    }

    #[test]
    fn a_program_that_hangs_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("ffmpeg");
        std::fs::write(&program, "#!/bin/sh\nexec sleep 600\n").unwrap();
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let ffmpeg = Ffmpeg { program, version: "6.0".into(), release: Some((6, 0)) };
        let wish = Wish { short_side: None, fps: None, threads: 1, patience: Duration::from_millis(50) };
        let rejected = ffmpeg.decode(Path::new("x.mp4"), &wish, &mut |_| ()).unwrap_err();
        assert_eq!(rejected, Rejected { reason: "ffmpeg said nothing for 0 s and was stopped".into(), frames: 0 });
    }
}
