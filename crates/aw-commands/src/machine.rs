//! What the machine has: threads, processor features, memory. Read from Linux's own files; elsewhere, memory is not known.

use std::fs;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Part of the available memory a stage may take when nothing says otherwise, in percent.
const DEFAULT_LIMIT_PERCENT: u64 = 80;
/// A cgroup limit above this is no limit: version 1 writes "none" as a number near 2^63.
const CGROUP_LIMIT_MAX: u64 = 1 << 60;

/// The memory of this machine, or of the container this process is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Memory {
    /// All the machine has, in bytes.
    pub total_bytes: Option<u64>,
    /// What can still be had without swapping, in bytes; the container's limits are taken into account.
    pub available_bytes: Option<u64>,
    /// The container's limit, in bytes.
    pub container_limit_bytes: Option<u64>,
}

impl Memory {
    /// The memory of this machine now.
    pub fn now() -> Self {
        Self::read(Path::new("/"))
    }

    fn read(root: &Path) -> Self {
        let info = fs::read_to_string(root.join("proc/meminfo")).unwrap_or_default();
        let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
        let mut memory = Self {
            total_bytes: kib(&info, "MemTotal:"),
            available_bytes: kib(&info, "MemAvailable:"),
            container_limit_bytes: None,
        };
        for line in groups.lines() {
            memory.narrow_by_group(root, line);
        }
        memory
    }

    /// Takes one line of `/proc/self/cgroup` into account, `hierarchy:controllers:path`: every ancestor limits what is below it.
    fn narrow_by_group(&mut self, root: &Path, line: &str) {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else { return };
        let (mount, limits, used): (_, &[&str], _) = match controllers {
            "" => ("sys/fs/cgroup", &["memory.max", "memory.high"], "memory.current"),
            _ if controllers.split(',').any(|it| it == "memory") => {
                ("sys/fs/cgroup/memory", &["memory.limit_in_bytes"], "memory.usage_in_bytes")
            }
            _ => return,
        };
        let mount = root.join(mount);
        for ancestor in Path::new(path.trim_start_matches('/')).ancestors() {
            let group = mount.join(ancestor);
            let number = |file: &str| fs::read_to_string(group.join(file)).ok()?.trim().parse::<u64>().ok();
            let Some(limit) = limits.iter().filter_map(|file| number(file)).filter(|limit| *limit < CGROUP_LIMIT_MAX).min()
            else {
                continue;
            };
            self.container_limit_bytes = Some(self.container_limit_bytes.map_or(limit, |known| known.min(limit)));
            // File contents that were read count as used, but are given up when memory is asked for.
            let reclaimable = fs::read_to_string(group.join("memory.stat")).ok().and_then(|text| bytes(&text, "inactive_file"));
            let used = number(used).unwrap_or(0).saturating_sub(reclaimable.unwrap_or(0));
            let left = limit.saturating_sub(used);
            self.available_bytes = Some(self.available_bytes.map_or(left, |known| known.min(left)));
        }
    }

    /// The limit a stage gets when nothing says otherwise; `None` where the available memory is not known.
    pub fn default_limit(&self) -> Option<u64> {
        self.available_bytes.map(|bytes| bytes / 100 * DEFAULT_LIMIT_PERCENT)
    }
}

fn kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

fn bytes(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// How many threads this process may use at once.
pub(crate) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The processor's features that number crunching cares about.
pub(crate) fn processor_features() -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut add = |name: &str, has: bool| found.extend(has.then(|| name.to_owned()));
    #[cfg(target_arch = "x86_64")]
    {
        add("sse4.2", std::arch::is_x86_feature_detected!("sse4.2"));
        add("avx2", std::arch::is_x86_feature_detected!("avx2"));
        add("fma", std::arch::is_x86_feature_detected!("fma"));
        add("f16c", std::arch::is_x86_feature_detected!("f16c"));
        add("avx512f", std::arch::is_x86_feature_detected!("avx512f"));
        add("avx512bf16", std::arch::is_x86_feature_detected!("avx512bf16"));
        add("sha", std::arch::is_x86_feature_detected!("sha"));
    }
    #[cfg(target_arch = "aarch64")]
    {
        add("neon", std::arch::is_aarch64_feature_detected!("neon"));
        add("fp16", std::arch::is_aarch64_feature_detected!("fp16"));
        add("bf16", std::arch::is_aarch64_feature_detected!("bf16"));
        add("sha2", std::arch::is_aarch64_feature_detected!("sha2"));
    }
    let _ = &mut add;
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn machine(files: &[(&str, &str)]) -> Memory {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Memory::read(root.path())
    }

    const INFO: (&str, &str) = ("proc/meminfo", "MemTotal:       16384 kB\nMemFree: 1 kB\nMemAvailable:    8192 kB\n");

    #[test]
    fn without_a_container_the_machine_decides() {
        let memory = machine(&[INFO, ("proc/self/cgroup", "0::/\n")]);
        assert_eq!(memory, Memory { total_bytes: Some(16 << 20), available_bytes: Some(8 << 20), container_limit_bytes: None });
        assert_eq!(memory.default_limit(), Some((8 << 20) / 100 * 80));
        assert_eq!(machine(&[]).default_limit(), None);
    }

    #[test]
    fn the_tightest_ancestor_of_a_container_decides() {
        let memory = machine(&[
            INFO,
            ("proc/self/cgroup", "0::/outer/inner\n"),
            ("sys/fs/cgroup/outer/memory.max", "4194304\n"),
            ("sys/fs/cgroup/outer/memory.current", "3145728\n"),
            ("sys/fs/cgroup/outer/memory.stat", "anon 5\ninactive_file 1048576\n"),
            ("sys/fs/cgroup/outer/inner/memory.max", "max\n"),
            ("sys/fs/cgroup/outer/inner/memory.high", "6291456\n"),
            ("sys/fs/cgroup/outer/inner/memory.current", "100\n"),
        ]);
        assert_eq!((memory.available_bytes, memory.container_limit_bytes), (Some(2 << 20), Some(4 << 20)));
    }

    #[test]
    fn version_one_groups_and_their_way_of_saying_none() {
        let group = ("proc/self/cgroup", "4:cpu,cpuacct:/x\n3:memory:/job\n");
        let free = ("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(machine(&[INFO, group, free]).available_bytes, Some(8 << 20));
        let tight = ("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "1048576\n");
        let used = ("sys/fs/cgroup/memory/job/memory.usage_in_bytes", "1048577\n");
        assert_eq!(machine(&[INFO, group, tight, used]).available_bytes, Some(0));
    }
}
