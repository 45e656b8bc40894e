//! Loads PKCS#11 libraries and opens sessions, logged in with the PIN.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;

use crate::config::{Pkcs11Settings, TokenName};
use crate::log::signer::SignError;
use crate::writing::private_file;

/// The loaded libraries. They stay loaded, because their threads may still run.
static LOADED: Mutex<BTreeMap<PathBuf, Pkcs11>> = Mutex::new(BTreeMap::new());

/// The holder of this is alone in calling libraries: one that is initialized again must not be in use meanwhile.
pub struct Modules(MutexGuard<'static, BTreeMap<PathBuf, Pkcs11>>);

/// Why a token cannot be used.
#[derive(Debug)]
pub enum Failure {
    /// The library or the device failed. A retry may succeed.
    Device(String),
    /// Library, token or key are not there, or are not what is needed: wrong settings, or an unplugged device.
    Absent(String),
    /// The PIN is missing or wrong. Another try could lock the token.
    Pin(String),
}

impl Failure {
    /// The meaning of this failure of a key that was in use before: what is not there now was unplugged.
    pub fn later(self) -> SignError {
        match self {
            Failure::Device(why) | Failure::Absent(why) => SignError::Unavailable(why),
            Failure::Pin(why) => SignError::Refused(why),
        }
    }
}

/// The meaning of a failure at the start: what is not there is not what the settings should name.
impl From<Failure> for SignError {
    fn from(failure: Failure) -> SignError {
        match failure {
            Failure::Device(why) => SignError::Unavailable(why),
            Failure::Absent(why) | Failure::Pin(why) => SignError::Refused(why),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Device(describe(&error))
    }
}

/// The error in short: its own text is a paragraph of the standard.
pub fn describe(error: &Error) -> String {
    match error {
        Error::Pkcs11(why, function) => format!("C_{function:?} returned {why:?}"),
        other => other.to_string(),
    }
}

impl Modules {
    /// Waits until no other thread calls a library.
    pub fn lock() -> Modules {
        Modules(LOADED.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Opens a session that reads and signs.
pub fn connect(modules: &mut Modules, settings: &Pkcs11Settings) -> Result<Session, Failure> {
    let (module, slot) = find_token(modules, settings)?;
    log_in(module.open_ro_session(slot)?, &module, slot, settings)
}

/// Opens a session that may also create keys.
pub fn connect_to_write(modules: &mut Modules, settings: &Pkcs11Settings) -> Result<Session, Failure> {
    let (module, slot) = find_token(modules, settings)?;
    log_in(module.open_rw_session(slot)?, &module, slot, settings)
}

/// Like [`connect`]. Where that fails, initializes the library again, without which some do not find a device that was
/// unplugged or restarted. Sessions that are open then end.
pub fn reconnect(modules: &mut Modules, settings: &Pkcs11Settings) -> Result<Session, Failure> {
    match connect(modules, settings) {
        Err(Failure::Device(_) | Failure::Absent(_)) => {
            if let Some(module) = modules.0.get(&settings.module) {
                // It fails where the library has not been initialized, or has lost that state with the device.
                drop(module.clone().finalize());
                initialize(module)?;
            }
            connect(modules, settings)
        }
        session => session,
    }
}

fn find_token(modules: &mut Modules, settings: &Pkcs11Settings) -> Result<(Pkcs11, Slot), Failure> {
    let module = load(modules, settings)?;
    let slots = module.get_slots_with_token()?;
    let found = match &settings.token {
        TokenName::Slot(id) => slots.into_iter().find(|slot| slot.id() == *id),
        TokenName::Label(label) => {
            let has_label = |slot: &Slot| module.get_token_info(*slot).is_ok_and(|info| info.label() == label);
            let mut named = slots.into_iter().filter(has_label);
            let first = named.next();
            if named.next().is_some() {
                let why = format!("several tokens have the label `{label}`: set archive.pkcs11.slot instead");
                return Err(Failure::Absent(why));
            }
            first
        }
    };
    let slot = found.ok_or_else(|| {
        Failure::Absent(match &settings.token {
            TokenName::Slot(id) => format!("no token is in the slot {id}"),
            TokenName::Label(label) => format!("no token has the label `{label}`"),
        })
    })?;
    Ok((module, slot))
}

fn load(modules: &mut Modules, settings: &Pkcs11Settings) -> Result<Pkcs11, Failure> {
    if let Some(module) = modules.0.get(&settings.module) {
        return Ok(module.clone());
    }
    let module = Pkcs11::new(&settings.module).map_err(|error| {
        let shown = settings.module.display();
        Failure::Absent(format!("the PKCS#11 library `{shown}` cannot be loaded: {error}"))
    })?;
    initialize(&module)?;
    modules.0.insert(settings.module.clone(), module.clone());
    Ok(module)
}

fn initialize(module: &Pkcs11) -> Result<(), Failure> {
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn log_in(session: Session, module: &Pkcs11, slot: Slot, settings: &Pkcs11Settings) -> Result<Session, Failure> {
    let token = module.get_token_info(slot)?;
    if !token.login_required() {
        return Ok(session);
    }
    if token.user_pin_locked() {
        return Err(Failure::Pin("the token has locked its PIN after wrong ones".to_owned()));
    }
    if token.user_pin_final_try() {
        let why = "one more wrong PIN would lock the token, so none is tried: log in once with another program";
        return Err(Failure::Pin(why.to_owned()));
    }
    let pin = pin(settings)?;
    if pin.is_none() && !token.protected_authentication_path() {
        let why = "the token needs a PIN: set KIVEND_PKCS11_PIN or archive.pkcs11.pin_file";
        return Err(Failure::Pin(why.to_owned()));
    }
    match session.login(UserType::User, pin.as_ref()) {
        // Sessions of one program are logged in together.
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
        Err(Error::Pkcs11(
            why @ (RvError::PinIncorrect
            | RvError::PinInvalid
            | RvError::PinLenRange
            | RvError::PinExpired
            | RvError::PinLocked
            | RvError::UserPinNotInitialized),
            _,
        )) => Err(Failure::Pin(format!("the token refuses the PIN: {why:?}"))),
        Err(error) => Err(error.into()),
    }
}

fn pin(settings: &Pkcs11Settings) -> Result<Option<AuthPin>, Failure> {
    if let Some(pin) = &settings.pin {
        return Ok(Some(AuthPin::new(pin.reveal().into())));
    }
    let Some(file) = &settings.pin_file else {
        return Ok(None);
    };
    let read = private_file::read(file).map_err(|error| {
        let shown = file.display();
        Failure::Pin(format!("the PIN file `{shown}` cannot be read: {error}"))
    })?;
    Ok(Some(AuthPin::new(read.trim_end_matches(['\r', '\n']).into())))
}
