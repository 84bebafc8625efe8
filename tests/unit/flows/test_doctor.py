from hint_toolkit.flows.doctor import doctor


def opencv(**versions):
    packages = {name.replace("_", "-"): version for name, version in versions.items()}
    return doctor(packages.get)[0]


def test_opencv_packages_of_one_version_are_fine():
    assert opencv(opencv_python="4.12.0", opencv_contrib_python="4.12.0").state == "ok"


def test_opencv_packages_that_disagree_are_named_with_the_command_that_mends_them():
    finding = opencv(opencv_python="5.0.0", opencv_python_headless="4.12.0")
    assert finding.state == "wrong"
    assert 'pip install --force-reinstall --no-deps "opencv-python==4.12.*"' in finding.detail


def test_nothing_installed_is_absent_and_says_which_extra():
    findings = {f.what: f for f in doctor(lambda name: None)}
    assert findings["OpenCV"].state == "absent"
    assert findings["fiftyone"].detail == 'pip install "hint-toolkit[view]"'


def test_without_a_token_the_rest_is_shown_all_the_same(tmp_path, monkeypatch, capsys):
    from hint_toolkit.cli._main import run
    from hint_toolkit.cli.build import cli

    monkeypatch.delenv("LABEL_STUDIO_URL", raising=False)
    for key, says in (("", "LABEL_STUDIO_API_KEY is not set"), ("a" * 40, "no Label Studio server runs")):
        monkeypatch.setenv("LABEL_STUDIO_API_KEY", key)
        assert run(cli, "hint-build", ["doctor", "--server", "--workspace", str(tmp_path)]) == 2
        shown = capsys.readouterr().out
        assert "OpenCV" in shown
        assert says in shown
