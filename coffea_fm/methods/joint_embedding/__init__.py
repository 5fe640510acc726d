"""Methods that predict a teacher's vectors for hidden parts of a jet, not the parts themselves."""
