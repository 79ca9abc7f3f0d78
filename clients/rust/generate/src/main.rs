//! `callstream-generate DESCRIPTORS FOLDER` makes the stubs of a descriptor set.

use std::error::Error;

use prost::Message as _;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [descriptors, folder] = arguments.as_slice() else {
        return Err("usage: callstream-generate DESCRIPTORS FOLDER".into());
    };
    let contract = prost_types::FileDescriptorSet::decode(std::fs::read(descriptors)?.as_slice())?;
    tonic_prost_build::configure()
        .out_dir(folder)
        .build_transport(false) // Client connects
        .generate_default_stubs(true) // a fake has what its test needs
        .server_mod_attribute(".", r#"#[cfg(feature = "server")]"#)
        .compile_fds(contract)?;
    Ok(())
}
