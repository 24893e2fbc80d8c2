//! Plans as they are written: the same on every machine.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use serde::Serializer;

use super::functions::duration_text;
use super::{
    Cache, CacheSource, CacheTarget, Context, EnvValue, Plan, RegistryKind, Secret, SecretSource, Step,
};

/// As in a `.cachefile`: `90s`, `5m`.
pub(super) fn duration<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => serializer.serialize_some(&duration_text(*duration)),
        None => serializer.serialize_none(),
    }
}

impl Plan {
    /// The same plan with paths relative to the folder of the file that is run, so that plans of two machines can be
    /// compared. It is for reading: paths of a plan that runs are absolute.
    #[must_use]
    pub fn portable(&self) -> Plan {
        let mut plan = self.clone();
        let folder = std::mem::take(&mut plan.folder);
        plan.each_path(&mut |path| *path = relative(path, &folder));
        plan
    }

    /// Every path on this machine.
    fn each_path(&mut self, change: &mut dyn FnMut(&mut PathBuf)) {
        for registry in &mut self.registries {
            if let RegistryKind::Oci { password: Some(secret), .. } = &mut registry.kind {
                in_secret(secret, change);
            }
        }
        for tls in self.builders.iter_mut().filter_map(|builder| builder.tls.as_mut()) {
            change(&mut tls.ca);
            tls.cert.iter_mut().chain(&mut tls.key).for_each(&mut *change);
        }
        for image in &mut self.images {
            for context in std::iter::once(&mut image.build.context).chain(image.build.contexts.values_mut())
            {
                if let Context::Folder(folder) = context {
                    change(folder);
                }
            }
            image.build.secrets.values_mut().for_each(|secret| in_secret(secret, change));
            if let Cache::Explicit { from, to } = &mut image.cache {
                for source in from {
                    if let CacheSource::Local(folder) = source {
                        change(folder);
                    }
                }
                for target in to {
                    if let CacheTarget::Local { folder, .. } = target {
                        change(folder);
                    }
                }
            }
        }
        for wave in &mut self.waves {
            for stage in wave.stages_mut() {
                in_env(stage.env.values_mut(), change);
            }
            wave.each_step_mut(&mut |step| {
                if let Step::Command(command) = step {
                    change(&mut command.dir);
                    in_env(command.env.values_mut(), change);
                }
            });
        }
    }
}

fn in_env<'a>(values: impl Iterator<Item = &'a mut EnvValue>, change: &mut dyn FnMut(&mut PathBuf)) {
    for value in values {
        if let EnvValue::Secret { secret } = value {
            in_secret(secret, change);
        }
    }
}

fn in_secret(secret: &mut Secret, change: &mut dyn FnMut(&mut PathBuf)) {
    if let SecretSource::File(path) = &mut secret.source {
        change(path);
    }
}

/// A path as it is seen from a folder; `.` for the folder itself. A path that has nothing in common with the folder
/// stays as it is.
pub(super) fn relative(path: &Path, folder: &Path) -> PathBuf {
    if let Ok(below) = path.strip_prefix(folder) {
        return if below.as_os_str().is_empty() { PathBuf::from(".") } else { below.to_owned() };
    }
    let common = path.components().zip(folder.components()).take_while(|(one, other)| one == other).count();
    let names = path.components().take(common).filter(|one| matches!(one, Component::Normal(_))).count();
    let up = folder.components().skip(common);
    // `..` in what is left of the folder would lead elsewhere.
    if names == 0 || up.clone().any(|component| component == Component::ParentDir) {
        return path.to_owned();
    }
    up.map(|_| Component::ParentDir).chain(path.components().skip(common)).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::relative;

    #[test]
    fn paths_are_seen_from_the_folder() {
        for (path, expected) in [
            ("/repo/app", "."),
            ("/repo/app/docker/api", "docker/api"),
            ("/repo/app/../base", "../base"),
            ("/repo/base", "../base"),
            ("/repo", ".."),
            ("/opt/tools", "/opt/tools"),
            ("relative", "relative"),
        ] {
            assert_eq!(relative(Path::new(path), Path::new("/repo/app")), Path::new(expected), "{path}");
        }
    }
}
