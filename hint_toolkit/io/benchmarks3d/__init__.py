"""FreiHAND and HO-3D as they are downloaded: pictures, cameras and boxes of their evaluation sets."""
