//! llama.cpp's C interface, as far as it is used: weights, a context with one sequence, and the rows of its logits.
//!
//! The one place that calls into the library. What it says of an error is kept and becomes the error's text.
//!
//! # Source
//! `include/llama.h` of llama.cpp.

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_void};
use std::path::Path;
use std::ptr::{self, NonNull};
use std::sync::Once;

use llama_cpp_sys_2 as sys;

use super::watch::{Watch, stopped};
use crate::llama_cpp::error::{LlamaCppError, shortened};

/// Bytes kept of what the library says of errors.
const SAID_BYTES_MAX: usize = 8 << 10;
/// Most tokens of a batch.
const BATCH_MAX: usize = 256;
/// Most bytes of the logits of a batch.
const LOGITS_BYTES_MAX: usize = 64 << 20;

thread_local! {
    /// What the library said of errors on this thread since it was last asked for something.
    static SAID: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Keeps what the library logs as an error; it says the rest to nobody.
unsafe extern "C" fn keep(level: sys::ggml_log_level, text: *const c_char, _: *mut c_void) {
    if level != sys::GGML_LOG_LEVEL_ERROR || text.is_null() {
        return;
    }
    // SAFETY: the library hands a string that ends with a zero and lives as long as the call; it was looked at for null.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    // A thread that ends, or is within this already, loses the line.
    let _ = SAID.try_with(|said| {
        if let Ok(mut said) = said.try_borrow_mut()
            && said.len() + text.len() <= SAID_BYTES_MAX
        {
            said.push_str(&text);
        }
    });
}

/// Starts the library once, and forgets what it said before.
fn start() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        // SAFETY: both may be called once before anything else; the callback is a function and needs no data.
        unsafe {
            sys::llama_log_set(Some(keep), ptr::null_mut());
            sys::llama_backend_init();
        }
    });
    SAID.with_borrow_mut(String::clear);
}

/// The error of a call that failed, or that was told to stop.
fn failure(doing: &'static str, watch: &Watch<'_>) -> LlamaCppError {
    let said = SAID.with_borrow(|said| if said.trim().is_empty() { "it does not say why".to_owned() } else { shortened(said) });
    watch.stopped(doing).unwrap_or(LlamaCppError::Linked { doing, said })
}

/// A number as the library counts.
fn count(number: usize, what: &'static str) -> Result<i32, LlamaCppError> {
    i32::try_from(number).map_err(|_| LlamaCppError::Asked { what: format!("{number} {what} are more than llama.cpp counts") })
}

/// Whether this processor has what the library was compiled for: what it lacks would end the process.
///
/// # Errors
/// [`LlamaCppError::Linked`] with the first that is missing.
pub(in crate::llama_cpp) fn check() -> Result<(), LlamaCppError> {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: each says what it was compiled for, and does nothing else.
        let built =
            unsafe { [sys::ggml_cpu_has_avx2(), sys::ggml_cpu_has_fma(), sys::ggml_cpu_has_f16c(), sys::ggml_cpu_has_avx512()] };
        let here = [
            ("AVX2", is_x86_feature_detected!("avx2")),
            ("FMA", is_x86_feature_detected!("fma")),
            ("F16C", is_x86_feature_detected!("f16c")),
            ("AVX-512", is_x86_feature_detected!("avx512f")),
        ];
        if let Some((_, (name, _))) = built.into_iter().zip(here).find(|(built, (_, here))| *built != 0 && !here) {
            let said = format!(
                "it was built for {name}, which this one has not\nhint: build the program for this processor, or name the folder of \
                 llama.cpp's programs in ALLOYWORKS_LLAMA_CPP"
            );
            return Err(LlamaCppError::Linked { doing: "run on this processor", said });
        }
    }
    Ok(())
}

/// Which llama.cpp is linked: its version and that of its tensor library.
pub(super) fn version() -> String {
    // SAFETY: both give a string that ends with a zero and lives as long as the program.
    let [version, tensors] = unsafe { [CStr::from_ptr(sys::llama_version()), CStr::from_ptr(sys::ggml_version())] };
    format!("{}, ggml {}, linked", version.to_string_lossy(), tensors.to_string_lossy())
}

/// A loaded file; freed when dropped.
pub(super) struct Weights {
    model: NonNull<sys::llama_model>,
    vocabulary: NonNull<sys::llama_vocab>,
    entries: usize,
}

impl Weights {
    /// Loads a file, its weights mapped and left in the order they are stored in.
    ///
    /// # Errors
    /// When the library refuses it, with what it says, when loading takes too long or is no longer wanted.
    pub(super) fn load(gguf: &Path, watch: &Watch<'_>) -> Result<Self, LlamaCppError> {
        const DOING: &str = "load the model";
        use std::os::unix::ffi::OsStrExt;
        let unread = |said: String| LlamaCppError::Linked { doing: DOING, said: format!("`{}`: {said}", gguf.display()) };
        let path = CString::new(gguf.as_os_str().as_bytes()).map_err(|error| unread(error.to_string()))?;
        start();
        // SAFETY: the parameters are the library's own defaults. The callback gets a pointer to the watch, which outlives the call
        // that uses it and is only read, and the path is a string that ends with a zero.
        let model = unsafe {
            let mut parameters = sys::llama_model_default_params();
            parameters.n_gpu_layers = 0;
            parameters.use_extra_bufts = false;
            parameters.progress_callback = Some(still_wanted);
            parameters.progress_callback_user_data = ptr::from_ref(watch).cast_mut().cast();
            sys::llama_model_load_from_file(path.as_ptr(), parameters)
        };
        let model = NonNull::new(model).ok_or_else(|| failure(DOING, watch))?;
        // SAFETY: the model was just loaded; its vocabulary lives as long as it does.
        let vocabulary = unsafe { sys::llama_model_get_vocab(model.as_ptr()) };
        // Made before the next error can be returned, so that the model is freed.
        let mut weights = Self { model, vocabulary: NonNull::dangling(), entries: 0 };
        weights.vocabulary = NonNull::new(vocabulary.cast_mut()).ok_or_else(|| unread("it has no vocabulary".into()))?;
        // SAFETY: the vocabulary is the model's.
        let entries = unsafe { sys::llama_vocab_n_tokens(weights.vocabulary.as_ptr()) };
        weights.entries =
            usize::try_from(entries).ok().filter(|entries| *entries > 0).ok_or_else(|| unread("it has no tokens".into()))?;
        Ok(weights)
    }

    /// Entries of the vocabulary.
    pub(super) fn entries(&self) -> usize {
        self.entries
    }

    /// The longest context the model was made for, in tokens.
    pub(super) fn trained_length(&self) -> usize {
        // SAFETY: the model lives.
        let length = unsafe { sys::llama_model_n_ctx_train(self.model.as_ptr()) };
        usize::try_from(length).unwrap_or_default()
    }

    /// The tokens of a text; `special` adds what the file says texts start and end with, `marks` reads the names of control tokens.
    pub(super) fn tokenize(&self, text: &str, special: bool, marks: bool) -> Result<Vec<u32>, LlamaCppError> {
        let bytes = count(text.len(), "bytes of text")?;
        // A token stands for a byte at least, but for those that are added.
        let mut tokens = vec![0; text.len() + 8];
        let room = count(tokens.len(), "tokens")?;
        // SAFETY: the text and the tokens are as long as is said, and the vocabulary lives.
        let found = unsafe {
            let (text, tokens) = (text.as_ptr().cast(), tokens.as_mut_ptr());
            sys::llama_tokenize(self.vocabulary.as_ptr(), text, bytes, tokens, room, special, marks)
        };
        let found = usize::try_from(found).ok().filter(|found| *found <= tokens.len());
        let unfit = || LlamaCppError::Linked { doing: "make tokens of a text", said: "they are more than its bytes".into() };
        tokens.truncate(found.ok_or_else(unfit)?);
        tokens.into_iter().map(|token| u32::try_from(token).map_err(|_| unfit())).collect()
    }

    /// The bytes a token stands for; none for control tokens and those that are not of the vocabulary.
    pub(super) fn piece(&self, token: u32) -> Vec<u8> {
        let Some(token) = self.known(token) else { return Vec::new() };
        let mut bytes = vec![0_u8; 64];
        loop {
            // SAFETY: the token is of the vocabulary, and there is as much room as is said.
            let written = unsafe {
                let room = i32::try_from(bytes.len()).unwrap_or(i32::MAX);
                sys::llama_token_to_piece(self.vocabulary.as_ptr(), token, bytes.as_mut_ptr().cast(), room, 0, false)
            };
            match usize::try_from(written) {
                Ok(written) => {
                    bytes.truncate(written);
                    return bytes;
                }
                // The room it needs, negated.
                Err(_) => {
                    let needed = usize::try_from(written.unsigned_abs()).unwrap_or(usize::MAX);
                    if needed <= bytes.len() {
                        return Vec::new();
                    }
                    bytes.resize(needed, 0);
                }
            }
        }
    }

    /// Whether a token ends a text.
    pub(super) fn ends(&self, token: u32) -> bool {
        // SAFETY: the token is of the vocabulary, which lives.
        self.known(token).is_some_and(|token| unsafe { sys::llama_vocab_is_eog(self.vocabulary.as_ptr(), token) })
    }

    /// The token texts start with, where the file says that one is added.
    pub(super) fn beginning(&self) -> Option<u32> {
        // SAFETY: the vocabulary lives.
        let (adds, token) =
            unsafe { (sys::llama_vocab_get_add_bos(self.vocabulary.as_ptr()), sys::llama_vocab_bos(self.vocabulary.as_ptr())) };
        u32::try_from(token).ok().filter(|_| adds)
    }

    fn known(&self, token: u32) -> Option<i32> {
        i32::try_from(token).ok().filter(|_| usize::try_from(token).is_ok_and(|token| token < self.entries))
    }
}

impl Drop for Weights {
    fn drop(&mut self) {
        // SAFETY: the model is freed once, here; no context is left, since one borrows these weights.
        unsafe { sys::llama_model_free(self.model.as_ptr()) }
    }
}

/// Told the library's progress: whether to go on.
unsafe extern "C" fn still_wanted(_: f32, watch: *mut c_void) -> bool {
    // SAFETY: it is the pointer given with this function, to a watch that lives.
    unsafe { !stopped(watch) }
}

/// A context with one sequence; freed when dropped.
pub(super) struct Session<'w> {
    weights: &'w Weights,
    context: NonNull<sys::llama_context>,
    /// What the library is given a pointer to.
    watch: &'w Watch<'w>,
    length: usize,
    batch: usize,
    /// Tokens of the sequence so far.
    taken: usize,
    /// Which tokens of the last batch have logits.
    wanted: Vec<i8>,
}

impl<'w> Session<'w> {
    /// Makes a context of `length` tokens.
    ///
    /// # Errors
    /// When there is not enough memory, or the library refuses otherwise.
    pub(super) fn open(weights: &'w Weights, length: usize, threads: usize, watch: &'w Watch<'w>) -> Result<Self, LlamaCppError> {
        let batch = (LOGITS_BYTES_MAX / size_of::<f32>() / weights.entries).clamp(1, BATCH_MAX.min(length.max(1)));
        let (tokens, threads) = (count(length, "tokens")?, count(threads.max(1), "threads")?);
        start();
        // SAFETY: the model lives as long as this, which borrows it, and the parameters are the library's defaults. The callback gets a
        // pointer to the watch, which this borrows too and which is only read.
        let context = unsafe {
            let mut parameters = sys::llama_context_default_params();
            parameters.n_ctx = tokens.unsigned_abs();
            parameters.n_batch = u32::try_from(batch).unwrap_or(1);
            parameters.n_ubatch = parameters.n_batch;
            parameters.n_outputs_max_per_seq = 0;
            parameters.n_threads = threads;
            parameters.n_threads_batch = threads;
            parameters.swa_full = false;
            parameters.abort_callback = Some(stopped);
            parameters.abort_callback_data = ptr::from_ref(watch).cast_mut().cast();
            sys::llama_init_from_model(weights.model.as_ptr(), parameters)
        };
        let context = NonNull::new(context).ok_or_else(|| failure("make a context", watch))?;
        Ok(Self { weights, context, watch, length, batch, taken: 0, wanted: Vec::new() })
    }

    /// The file.
    pub(super) fn weights(&self) -> &'w Weights {
        self.weights
    }

    /// Tokens that fit.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// Most tokens of one [`Session::decode`].
    pub(super) fn batch(&self) -> usize {
        self.batch
    }

    /// Forgets the sequence.
    pub(super) fn clear(&mut self) {
        // SAFETY: the context lives, and nothing borrows its logits.
        unsafe { sys::llama_memory_clear(sys::llama_get_memory(self.context.as_ptr()), true) }
        self.taken = 0;
        self.wanted.clear();
    }

    /// Puts tokens through the model, after those before; `wanted` says of which, counted from the first, the logits are kept.
    ///
    /// # Errors
    /// When they are none or more than a batch or than the context has room for, when one is not of the vocabulary, when the library
    /// fails, takes too long or is to stop.
    pub(super) fn decode(&mut self, tokens: &[u32], wanted: impl Fn(usize) -> bool) -> Result<(), LlamaCppError> {
        const DOING: &str = "run the model";
        if tokens.is_empty() || tokens.len() > self.batch.min(self.length - self.taken) {
            let what = format!("{} tokens do not fit after {} in a context of {}", tokens.len(), self.taken, self.length);
            return Err(LlamaCppError::Asked { what });
        }
        let unknown = |token: u32| LlamaCppError::Asked { what: format!("the model has no token {token}") };
        let ids: Result<Vec<i32>, _> =
            tokens.iter().map(|token| self.weights.known(*token).ok_or_else(|| unknown(*token))).collect();
        let mut ids = ids?;
        let mut kept: Vec<i8> = (0..tokens.len()).map(|at| i8::from(wanted(at))).collect();
        self.wanted.clear();
        start();
        // Positions and sequence are the library's to count where they are not given.
        let batch = sys::llama_batch {
            n_tokens: count(ids.len(), "tokens")?,
            token: ids.as_mut_ptr(),
            embd: ptr::null_mut(),
            pos: ptr::null_mut(),
            n_seq_id: ptr::null_mut(),
            seq_id: ptr::null_mut(),
            logits: kept.as_mut_ptr(),
        };
        // SAFETY: the context lives; the batch holds as many tokens and flags as it says, which outlive the call, and every token is of
        // the vocabulary.
        let answer = unsafe { sys::llama_decode(self.context.as_ptr(), batch) };
        match answer {
            0 => {
                self.taken += tokens.len();
                self.wanted = kept;
                Ok(())
            }
            1 => Err(LlamaCppError::Asked { what: format!("{} tokens do not fit the context", self.taken + tokens.len()) }),
            _ => Err(failure(DOING, self.watch)),
        }
    }

    /// The logits after a token of the last [`Session::decode`], one for each entry of the vocabulary.
    ///
    /// # Errors
    /// When they were not asked for.
    pub(super) fn logits(&mut self, at: usize) -> Result<&[f32], LlamaCppError> {
        let missing = || LlamaCppError::Linked { doing: "give logits", said: format!("those of token {at} were not asked for") };
        if self.wanted.get(at) != Some(&1) {
            return Err(missing());
        }
        // SAFETY: the context lives, and the token is one of its last batch whose logits were asked for.
        let row = unsafe { sys::llama_get_logits_ith(self.context.as_ptr(), count(at, "tokens")?) };
        let row = NonNull::new(row).ok_or_else(missing)?;
        // SAFETY: a row holds a number for each entry of the vocabulary and stays until the context is used again, which needs this
        // borrow to end.
        Ok(unsafe { std::slice::from_raw_parts(row.as_ptr(), self.weights.entries) })
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        // SAFETY: the context is freed once, here; the model it is of lives, since it is borrowed.
        unsafe { sys::llama_free(self.context.as_ptr()) }
    }
}
