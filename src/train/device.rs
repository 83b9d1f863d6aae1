//! Where the arithmetic is done.

use crate::failure::Failure;
use anyhow::Result;
use burn::tensor::Device;

/// Opens a device by name: `cpu`, `cuda`, `cuda:1`, or `auto` (the GPU when there is one). Returns it with its full name.
pub fn open(name: &str) -> Result<(Device, String)> {
    match check(name)?.as_str() {
        "cpu" => Ok((Device::flex(), "cpu".into())),
        gpu => cuda::open(gpu),
    }
}

/// Says which device a name stands for (`cpu` or `cuda:<index>`), without putting anything on it; refuses one that is not there.
pub fn check(name: &str) -> Result<String> {
    let index = match name {
        "cpu" => return Ok("cpu".into()),
        "auto" if cuda::count() == 0 => return Ok("cpu".into()),
        "auto" | "cuda" => 0,
        other => other.strip_prefix("cuda:").and_then(|index| index.parse().ok()).ok_or_else(|| {
            Failure::input(format!("there is no device `{other}`")).hint("devices are: auto, cpu, cuda, cuda:0, cuda:1, ..") //
        })?,
    };
    cuda::check(index)?;
    Ok(format!("cuda:{index}"))
}

/// The name of this machine.
pub fn host() -> String {
    nix::unistd::gethostname().map_or_else(|_| "unknown".into(), |name| name.to_string_lossy().into_owned())
}

#[cfg(feature = "cuda")]
mod cuda {
    use super::{Device, Failure, Result};
    use burn::tensor::DeviceType;

    /// GPUs on this machine; 0 also when the CUDA libraries are not installed.
    pub fn count() -> usize {
        // The CUDA loader panics where there is no driver; that only means that there is no GPU.
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let found = std::panic::catch_unwind(|| Device::enumerate(DeviceType::Cuda).into_vec().len());
        std::panic::set_hook(hook);
        found.unwrap_or(0)
    }

    pub fn check(index: usize) -> Result<()> {
        match count() {
            0 => Err(Failure::input("there is no CUDA GPU on this machine, or its driver is not installed")
                .hint("`nvidia-smi` shows what the driver sees; `--device cpu` trains on the CPU")
                .into()),
            count if index >= count => {
                Err(Failure::input(format!("there is no device cuda:{index}; this machine has {count}")).into())
            }
            _ => Ok(()),
        }
    }

    pub fn open(name: &str) -> Result<(Device, String)> {
        let index: usize = name.trim_start_matches("cuda:").parse()?;
        Ok((Device::cuda(index), name.to_owned()))
    }
}

#[cfg(not(feature = "cuda"))]
mod cuda {
    use super::{Device, Failure, Result};

    pub fn count() -> usize {
        0
    }

    pub fn check(_index: usize) -> Result<()> {
        Err(Failure::input("this vicmae was built for the CPU only")
            .hint("build it with `cargo build --release --features cuda`, or train with `--device cpu`")
            .into())
    }

    pub fn open(_name: &str) -> Result<(Device, String)> {
        check(0).map(|()| unreachable!("a build without CUDA refuses every GPU"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_checked_before_any_work() {
        assert_eq!(check("cpu").unwrap(), "cpu");
        assert!(check("tpu").unwrap_err().to_string().contains("cuda:1"));
        #[cfg(not(feature = "cuda"))]
        {
            assert_eq!(check("auto").unwrap(), "cpu");
            assert!(check("cuda").unwrap_err().to_string().contains("--features cuda"));
        }
    }
}
