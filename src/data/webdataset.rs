//! A packed set as WebDataset: tar files that other trainers stream. `vicmae pack` reads them back.

use super::packed::{Encoding, Manifest, Shard};
use crate::failure::Failure;
use anyhow::{Context, Result};
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use serde_json::json;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Samples.
    pub clips: usize,
    /// Tar files.
    pub tars: usize,
    /// Their size.
    pub bytes: u64,
}

/// Writes a packed set to `out`, a tar file for each file of the set: `<split>-<number>.tar`.
///
/// A sample is `<clip>.<frame>.jpg` (or `.png`, without loss, of a raw set) for every frame, `<clip>.cls` with the class as a number
/// and `<clip>.json` with its name, the clip's path, size and times. `on` is told how many of how many clips are done.
///
/// # Errors
/// A [`Failure`] when `data` is no packed set or `out` is there already.
pub fn export(data: &Path, out: &Path, on: &mut dyn FnMut(usize, usize)) -> Result<Written> {
    let manifest = Manifest::read(data)?;
    if out.exists() {
        let failure = Failure::input(format!("`{}` is there already", out.display()));
        return Err(failure.hint("`--out` names the folder that will be made").into());
    }
    // The folder has another name until it is complete.
    let parent = out.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
    let folder = tempfile::Builder::new().prefix(".export-").tempdir_in(parent)?;
    let all = manifest.splits.values().flatten().map(|card| card.clips).sum();
    let mut written = Written { clips: 0, tars: 0, bytes: 0 };
    for card in manifest.splits.values().flatten() {
        let shard = Shard::open(&data.join(&card.file), manifest.settings.encoding, manifest.classes.len())?;
        let path = folder.path().join(Path::new(&card.file).with_extension("tar"));
        let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
        let mut tar = tar::Builder::new(BufWriter::new(file));
        for row in 0..shard.len() {
            sample(&mut tar, &manifest, &shard, row)?;
            written.clips += 1;
            on(written.clips, all);
        }
        let file = tar.into_inner()?.into_inner().map_err(|error| error.into_error())?;
        file.sync_all()?;
        (written.tars, written.bytes) = (written.tars + 1, written.bytes + file.metadata()?.len());
    }
    let folder = folder.keep();
    // A temporary folder is for its owner alone; this one is to be read.
    fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    fs::rename(&folder, out).with_context(|| format!("cannot give {} its name", out.display()))?;
    Ok(written)
}

fn sample(tar: &mut tar::Builder<impl Write>, manifest: &Manifest, shard: &Shard, row: usize) -> Result<()> {
    let ([width, height], class) = (shard.size(row), shard.class(row));
    // The key is what stands before the first dot, so the name itself has none.
    let key = format!("{row:08}");
    let mut add = |ending: String, bytes: &[u8]| -> Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        Ok(tar.append_data(&mut header, format!("{key}.{ending}"), bytes)?)
    };
    for frame in 0..shard.seconds(row).len() {
        let stored = shard.frame(row, frame);
        match manifest.settings.encoding {
            Encoding::Jpeg(_) => add(format!("{frame:04}.jpg"), &stored)?,
            Encoding::Raw => add(format!("{frame:04}.png"), &png(&stored, width, height)?)?,
        }
    }
    add("cls".into(), class.to_string().as_bytes())?;
    let notes = json!({
        "path": shard.path(row),
        "class": manifest.classes[class],
        "width": width,
        "height": height,
        "seconds": shard.seconds(row),
    });
    add("json".into(), notes.to_string().as_bytes())
}

fn png(rgb: &[u8], width: usize, height: usize) -> Result<Vec<u8>> {
    let mut file = Vec::new();
    PngEncoder::new(&mut file).write_image(rgb, width as u32, height as u32, ExtendedColorType::Rgb8)?;
    Ok(file)
}
