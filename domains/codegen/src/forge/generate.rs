//! Generating contracts, from a source to files and an artifact.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::{MutexGuard, PoisonError};

use aw_alloy::digest::Digest;

use crate::delivery::{
    Artifact, ArtifactName, BuildError, Contents, Manifest, NameError, StoreError, TargetContents, disk, fetch, removed_symbols,
};
use crate::diagnostic::{self, Diagnostic};
use crate::diff::Facts;
use crate::emit::{Bindings, Emitted, Emitter, Options, Profile, Symbol, Target, Templates};
use crate::input::Ontology;
use crate::model::{Model, ModelDigest};
use crate::smoke::Smoke;
use crate::source::{Asked, Generated as Last, NoChange, file_uri};

use super::ingest::{compared, permitted};
use super::models::Models;
use super::request::{ArtifactView, ChangeView, GenerateRequest, Generated, TargetView, Targets};
use super::{Fault, FaultKind, Forge, VERSION, output};

impl Forge {
    /// Generates contracts, unless nothing changed since they were generated last.
    ///
    /// # Errors
    /// [`Fault`]; nothing is written or published then, but what was written of several targets before a disk failed.
    pub fn generate(&self, request: &GenerateRequest) -> Result<Generated, Fault> {
        let profile = profile(&request.profile)?;
        let mut targets = targets(&request.target, request.bindings.is_some())?;
        let bindings = request.bindings.as_deref().map(bindings).transpose()?;
        let out = request.out.as_deref().map(|out| self.below_root(out)).transpose()?;
        let _alone = self.alone();
        let mut state = self.state()?;
        let names: Vec<String> = targets.iter().map(|target| target.name().to_owned()).collect();
        let asked = Asked {
            source_uri: &request.source,
            forge_version: VERSION,
            profile: profile.name(),
            targets: &names,
            options: options_digest(request),
        };
        let whole = out.as_deref().map_or(Ok(true), |out| all_whole(out, &names, is_all(&request.target)))?;
        let may_skip = whole && !request.publish && !request.smoke;
        let known = if may_skip { request.if_none_match.as_deref().or(state.validator(&asked)) } else { None };
        let source = self.read(&request.source, &request.reading, known)?;
        let mut answer = empty(profile);
        answer.validator.clone_from(&source.fetched.validator);
        if source.fetched.not_modified || (may_skip && state.same_source(&asked, source.fetched.validator.as_deref())) {
            answer.no_change = Some(NoChange::Source);
            return Ok(answer);
        }
        let ontology = source.ontology()?;
        let digest = ModelDigest::of(&ontology.model);
        answer.ontology = Some(digest.ontology());
        answer.model_version = Some(ontology.model.version.clone());
        answer.model_digest = Some(digest.0);
        answer.graph_digest = ontology.graph_digest;
        let last =
            Last { validator: source.fetched.validator.clone(), graph_digest: ontology.graph_digest, model_digest: digest.0 };
        if may_skip {
            let same_graph = ontology.graph_digest.is_some_and(|graph| state.same_graph(&asked, &graph));
            answer.no_change = match () {
                () if same_graph => Some(NoChange::Graph),
                () if state.same_model(&asked, &digest.0) => Some(NoChange::Model),
                () => None,
            };
        }
        if answer.no_change.is_some() {
            // The state of the source is another, what is made of it is not.
            state.record(&asked, &last);
            state.write(&self.state_path())?;
            return Ok(answer);
        }

        let lineage = self.lineage(&request.source);
        // What is published is held against what was published: consumers go from one to the other.
        let base = if request.publish { self.published_before(&lineage, profile, digest)? } else { None };
        let old = match &base {
            Some(base) => Some((base.model.clone(), base.facts.clone())),
            None if request.publish => None,
            None => self.generated_last(&lineage)?,
        };
        let found = old.map(|(old, facts)| compared((&old, &facts), &ontology));
        if let Some(found) = &found {
            permitted(found, &request.allow_destructive)?;
        } else if !request.allow_destructive.is_empty() {
            let detail = "nothing was generated before, so that nothing can be destroyed; leave `allow_destructive` out";
            return Err(Fault::new(FaultKind::Request, detail));
        }
        answer.change = found.as_ref().map(ChangeView::from);
        if is_all(&request.target) && !ontology.model.processes.is_empty() {
            targets.extend([Target::Bpmn, Target::Cacao]);
        }
        let options = Options {
            profile,
            source_uri: source.fetched.source_uri.clone(),
            templates: request.templates.clone(),
            bindings,
            ..Options::new(VERSION)
        };
        let (emitted, diagnostics) = emitted(&ontology, &targets, &options)?;
        answer.diagnostics = diagnostics;
        let smokes = match request.smoke || request.publish {
            true => self.smokes(&emitted)?,
            false => BTreeMap::new(),
        };
        for made in &emitted {
            let view = TargetView { files: output::views(made), smoke: smokes.get(&made.target).cloned() };
            answer.targets.insert(made.target.name().to_owned(), view);
        }
        refuse_failures(&smokes, &answer.diagnostics)?;
        if request.publish {
            let targets = contents(&emitted, &smokes, base.as_ref(), &options)?;
            let contents = Contents {
                model: &ontology.model,
                graph_digest: ontology.graph_digest,
                forge_version: VERSION,
                profile: profile.name(),
                source_uri: &source.fetched.source_uri,
                targets,
                allow_unverified: &request.allow_unverified,
                base: base.as_ref().and_then(|base| Some((&base.manifest, found.clone()?))),
                allow_destructive: &request.allow_destructive,
                lossy_ranges: &ontology.lossy_ranges,
                diagnostics: &answer.diagnostics,
            };
            Models::of(&self.settings.store).keep(&ontology.model, &ontology.facts)?;
            answer.artifact = Some(self.publish(contents, &lineage, profile)?);
        }
        if let Some(out) = &out {
            emitted.iter().try_for_each(|made| output::write(out, made))?;
        }
        Models::of(&self.settings.store).keep(&ontology.model, &ontology.facts)?;
        state.record(&asked, &last);
        state.write(&self.state_path())?;
        self.remember(&lineage, digest)?;
        Ok(answer)
    }

    /// Waits until nothing else changes the store.
    pub(super) fn alone(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where files go: below the root, when there is one.
    fn below_root(&self, out: &Path) -> Result<PathBuf, Fault> {
        let Some(root) = &self.settings.out_root else { return Ok(out.to_owned()) };
        let plain = out.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        match plain {
            true => Ok(root.join(out)),
            false => {
                let detail =
                    format!("`out` is `{}`; expected a relative path that stays below the configured folder", out.display());
                Err(Fault::new(FaultKind::Forbidden, detail))
            }
        }
    }

    /// What successive versions of one ontology have in common: the source, or that they were taken in here.
    fn lineage(&self, source: &str) -> String {
        let taken_in = file_uri(&self.settings.store.join("ontologies"));
        if source.starts_with(&taken_in) { "ingested".to_owned() } else { Digest::of(source.as_bytes()).hex()[..16].to_owned() }
    }

    /// The model of a lineage that was generated last.
    fn generated_last(&self, lineage: &str) -> Result<Option<(Model, Facts)>, Fault> {
        let path = self.settings.store.join("last").join(lineage);
        let Some(text) = note(&path)? else { return Ok(None) };
        let digest = Digest::from_hex(&text).map_err(|error| {
            Fault::new(FaultKind::Environment, format!("`{}`: {error}; remove it to compare with nothing", path.display()))
        })?;
        self.kept(&digest).map(Some)
    }

    fn kept(&self, digest: &Digest) -> Result<(Model, Facts), Fault> {
        Models::of(&self.settings.store).get(digest)?.ok_or_else(|| {
            let detail =
                format!("the older model {} is gone from the store, so that nothing can be compared with it", digest.hex());
            Fault::new(FaultKind::Environment, detail)
        })
    }

    /// The artifact of a lineage that was published before this model. Publishing a model again has the base it had the first time.
    fn published_before(&self, lineage: &str, profile: Profile, digest: ModelDigest) -> Result<Option<Base>, Fault> {
        let path = self.published_path(lineage, profile);
        let Some(text) = note(&path)? else { return Ok(None) };
        let odd = |why: String| Fault::new(FaultKind::Environment, format!("`{}`: {why}", path.display()));
        let name: ArtifactName = text.parse().map_err(|error: NameError| odd(error.to_string()))?;
        let mut manifest = self.manifest(&name)?;
        if manifest.model_digest == digest.0 && manifest.forge_version == VERSION {
            let Some(before) = &manifest.diff_base else { return Ok(None) };
            manifest = self.manifest(before)?;
        }
        let (model, facts) = self.kept(&manifest.model_digest)?;
        Ok(Some(Base { manifest, model, facts }))
    }

    fn manifest(&self, name: &ArtifactName) -> Result<Manifest, Fault> {
        let odd = |why: String| Fault::new(FaultKind::Environment, format!("`{name}`: {why}"));
        let files = fetch(&*self.settings.artifacts, name, |_| false)?;
        let manifest = files.iter().find(|(path, _)| path.as_str() == Manifest::FILE).map(|(_, bytes)| Manifest::read(bytes));
        manifest.ok_or_else(|| odd("it has no manifest".to_owned()))?.map_err(|error| odd(error.to_string()))
    }

    fn published_path(&self, lineage: &str, profile: Profile) -> PathBuf {
        self.settings.store.join("published").join(format!("{lineage}.{}", profile.name()))
    }

    /// Writes down which model of a lineage was generated last.
    fn remember(&self, lineage: &str, digest: ModelDigest) -> Result<(), Fault> {
        self.note(&self.settings.store.join("last").join(lineage), &digest.to_string())?;
        self.note(&self.last_path(), &digest.key())
    }

    fn note(&self, path: &Path, text: &str) -> Result<(), Fault> {
        disk::ensure_dir(disk::parent(path))?;
        Ok(disk::replace(&self.settings.store.join(format!(".{}.tmp", disk::unique())), path, text.as_bytes())?)
    }

    fn smokes(&self, emitted: &[Emitted]) -> Result<BTreeMap<Target, Smoke>, Fault> {
        let smoke = |made: &Emitted| match self.settings.toolchain.smoke(made) {
            Ok(smoke) => Ok((made.target, smoke)),
            Err(error) => {
                Err(Fault::new(FaultKind::Environment, format!("{}: the compiler cannot be tried: {error}", made.target)))
            }
        };
        emitted.iter().map(smoke).collect()
    }

    fn publish(&self, contents: Contents<'_>, lineage: &str, profile: Profile) -> Result<ArtifactView, Fault> {
        let key = self.settings.signing_key.as_deref();
        let key = key.ok_or_else(|| Fault::new(FaultKind::Environment, "there is no key to sign the artifact with"))?;
        let artifact = Artifact::build(contents, key)?;
        let store = &self.settings.artifacts;
        let published = store.publish(&artifact)?;
        self.note(&self.published_path(lineage, profile), &published.name.to_string())?;
        Ok(ArtifactView::of(&published, store.place(), &key.public()))
    }
}

/// The artifact before the one that is made.
struct Base {
    manifest: Manifest,
    model: Model,
    facts: Facts,
}

/// A short text that was written down; `None` when there is none.
fn note(path: &Path) -> Result<Option<String>, Fault> {
    let bytes = disk::read(path, 4096)?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned()))
}

fn empty(profile: Profile) -> Generated {
    Generated {
        no_change: None,
        validator: None,
        ontology: None,
        model_version: None,
        model_digest: None,
        graph_digest: None,
        profile: profile.name().to_owned(),
        targets: BTreeMap::new(),
        change: None,
        artifact: None,
        diagnostics: Vec::new(),
    }
}

pub(super) fn profile(name: &str) -> Result<Profile, Fault> {
    let names = || Profile::ALL.map(Profile::name).join(", ");
    Profile::from_name(name)
        .ok_or_else(|| Fault::new(FaultKind::Request, format!("`{name}` is no profile; expected one of {}", names())))
}

fn is_all(of: &Targets) -> bool {
    matches!(of, Targets::One(name) if name == "all")
}

/// Bindings that were handed in.
fn bindings(text: &str) -> Result<Bindings, Fault> {
    Bindings::parse(text).map_err(|found| {
        let first = found.first().map(|it| format!("{}: {}", it.subject, it.message)).unwrap_or_default();
        Fault::new(FaultKind::Request, format!("the bindings are none: {first}")).with(found)
    })
}

fn targets(of: &Targets, bound: bool) -> Result<Vec<Target>, Fault> {
    let names = match of {
        all if is_all(all) => return Ok(Target::LANGUAGES.into_iter().chain(bound.then_some(Target::Sql)).collect()),
        Targets::One(name) => std::slice::from_ref(name),
        Targets::Several(names) => names,
    };
    let known = || Target::ALL.map(Target::name).join(", ");
    let read = |name: &String| {
        let wrong = || Fault::new(FaultKind::Request, format!("`{name}` is no target; expected `all` or one of {}", known()));
        Target::from_name(name).ok_or_else(wrong)
    };
    let mut targets = names.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    targets.sort();
    targets.dedup();
    match targets.is_empty() {
        true => Err(Fault::new(FaultKind::Request, format!("no target is asked for; expected `all` or some of {}", known()))),
        false => Ok(targets),
    }
}

/// Everything that changes what is made of a graph, beside the targets and the profile.
fn options_digest(request: &GenerateRequest) -> Digest {
    let out = request.out.as_ref().map(|out| out.display().to_string());
    let more = serde_json::json!([request.reading, out, request.bindings, request.templates.files()]);
    Digest::of(more.to_string().as_bytes())
}

/// Whether everything that was written last is there unchanged; of `all`, also what was written because there are processes.
fn all_whole(out: &Path, targets: &[String], all: bool) -> Result<bool, Fault> {
    let processes = [Target::Bpmn, Target::Cacao].map(Target::name).into_iter().filter(|name| all && out.join(name).is_dir());
    for target in targets.iter().map(String::as_str).chain(processes) {
        if !output::is_whole(out, target)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The files of every target, and everything that is said about them and the ontology.
fn emitted(ontology: &Ontology, targets: &[Target], options: &Options) -> Result<(Vec<Emitted>, Vec<Diagnostic>), Fault> {
    let mut diagnostics = ontology.diagnostics.clone();
    let mut made = Vec::new();
    match Emitter::new(&ontology.model, options) {
        Err(errors) => diagnostics.extend(errors),
        Ok(emitter) => {
            for target in targets {
                match emitter.emit(*target) {
                    Ok(emitted) => {
                        diagnostics.extend(emitted.diagnostics.iter().cloned());
                        made.push(emitted);
                    }
                    Err(errors) => diagnostics.extend(errors),
                }
            }
        }
    }
    diagnostic::sort(&mut diagnostics);
    match diagnostics.iter().any(Diagnostic::is_error) {
        true => Err(super::read::unreadable(diagnostics)),
        false => Ok((made, diagnostics)),
    }
}

/// Refuses what a compiler refused.
fn refuse_failures(smokes: &BTreeMap<Target, Smoke>, diagnostics: &[Diagnostic]) -> Result<(), Fault> {
    let failed: Vec<Diagnostic> = smokes
        .iter()
        .filter_map(|(target, smoke)| match smoke {
            Smoke::Failed { tool, findings } => Some((target, tool, findings)),
            _ => None,
        })
        .flat_map(|(target, tool, findings)| {
            findings.iter().map(move |finding| {
                let line = finding.line.map(|line| format!(", line {line}")).unwrap_or_default();
                let message = format!("{tool}: {}", finding.message);
                Diagnostic::new("E-SMOKE", format!("{}{line}", finding.file), message).for_target(target.name())
            })
        })
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    let detail =
        format!("compilers refused what was generated, with {} errors; the fault is the forge's or a template's", failed.len());
    Err(Fault::new(FaultKind::Smoke, detail).with(diagnostics.iter().cloned().chain(failed).collect()))
}

/// The targets of an artifact, with the names that the one before declared and it does not.
fn contents(
    emitted: &[Emitted],
    smokes: &BTreeMap<Target, Smoke>,
    base: Option<&Base>,
    options: &Options,
) -> Result<Vec<TargetContents>, Fault> {
    // Templates change how names are written down, not which there are.
    let options = Options { templates: Templates::default(), ..options.clone() };
    let old = match base {
        Some(base) => Some(Emitter::new(&base.model, &options).map_err(super::read::unreadable)?),
        None => None,
    };
    let target = |made: &Emitted| {
        let before = match &old {
            // Bindings may name what the older model does not have; what they are of is no symbol that callers use.
            Some(_) if made.target == Target::Sql => Vec::new(),
            Some(old) => old.emit(made.target).map_err(super::read::unreadable)?.symbols,
            None => Vec::new(),
        };
        let names = |symbols: &'_ [Symbol]| symbols.iter().map(|symbol| symbol.name.clone()).collect::<Vec<_>>();
        let (before, now) = (names(&before), names(&made.symbols));
        Ok(TargetContents {
            name: made.target.name().to_owned(),
            files: made.files.iter().map(|file| (file.path.clone(), file.bytes.clone())).collect(),
            smoke: smokes.get(&made.target).cloned().unwrap_or(Smoke::Skipped { missing: "nobody asked for it".to_owned() }),
            removed_symbols: removed_symbols(before.iter().map(String::as_str), now.iter().map(String::as_str)),
        })
    };
    emitted.iter().map(target).collect()
}

impl From<BuildError> for Fault {
    fn from(error: BuildError) -> Self {
        let message = error.to_string();
        match error {
            BuildError::Refused(diagnostics) => {
                let is = |code: &str| diagnostics.iter().any(|said| said.code == code);
                let kind = match () {
                    () if is("E-DESTRUCTIVE") => FaultKind::Destructive,
                    () if is("E-UNVERIFIED") => FaultKind::Smoke,
                    () if is("E-ALLOW-UNKNOWN") => FaultKind::Request,
                    () => FaultKind::Ontology,
                };
                Self::new(kind, message).with(diagnostics)
            }
            _ => Self::new(FaultKind::Ontology, message),
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        let kind = match &error {
            StoreError::Taken { .. } => FaultKind::Conflict,
            StoreError::Unknown { .. } => FaultKind::Missing,
            StoreError::Remote { .. } => FaultKind::Upstream,
            StoreError::Damaged { .. } | StoreError::Disk(_) | StoreError::Manifest(_) => FaultKind::Environment,
        };
        Self::new(kind, error.to_string())
    }
}
