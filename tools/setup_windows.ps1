# Sets mavfer up on Windows: Python looked for, .venv made, packages of constraints.txt installed.
# What changes the system is done only where a switch asks for it; -Undo puts back what was there before.
# Never run on Windows by the project: read it, call it with -WhatIf first. docs/setup-windows.md explains it.
#
#   powershell -ExecutionPolicy Bypass -File tools\setup_windows.ps1 -WhatIf
#   powershell -ExecutionPolicy Bypass -File tools\setup_windows.ps1
#   powershell -ExecutionPolicy Bypass -File tools\setup_windows.ps1 -HighPerformance -NoUsbSuspend -SessionFolder D:\sessions -Camera "Ethernet 2"
#   powershell -ExecutionPolicy Bypass -File tools\setup_windows.ps1 -Undo

[CmdletBinding(SupportsShouldProcess = $true)]
param(
    [string] $Extras = 'all',          # 'record' on a machine that only films
    [switch] $SkipPackages,            # leave .venv as it is
    [switch] $HighPerformance,         # power plan "high performance", no sleep on mains
    [switch] $NoUsbSuspend,            # USB selective suspend off on mains
    [string] $SessionFolder = '',      # made, and left out of Defender's scans, like .venv
    [string] $Camera = '',             # name of the A65's network card, as Get-NetAdapter lists it
    [switch] $Firewall,                # lets the camera's UDP and TCP 5570-5573 in, on private networks
    [switch] $Undo
)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'

$Root = Split-Path -Parent $PSScriptRoot
$Venv = Join-Path $Root '.venv'
$Python = Join-Path $Venv 'Scripts\python.exe'
$Note = Join-Path $Root 'setup_windows_before.json'
$HighPlan = '8c5e7fda-e8bf-4a96-9a85-a6e23a8c635c'      # the same on every Windows, whatever its language
$SubUsb = '2a737441-1930-4402-8d77-b2bebba308a3'
$UsbSuspend = '48e6b7a6-50f5-4782-a5d4-53bb8f07e226'
$SubSleep = '238c9fa8-0aad-41ed-83f4-97be242c8f20'
$SleepAfter = '29f6c1db-86da-48c5-9fdb-f2b67b1f44da'
$Rules = @('mavfer rig', 'mavfer camera')
$Keywords = [ordered]@{                                 # of a card's driver -> what is wanted; the largest for 'max'
    '*JumboPacket' = 'max'; '*ReceiveBuffers' = 'max'; '*EEE' = '0'
}

function Say([string] $Text) { Write-Host $Text }

function Stop-Because([string] $Text) {
    [Console]::Error.WriteLine("error: $Text")
    exit 1
}

function Test-Administrator {
    $Me = [Security.Principal.WindowsPrincipal] [Security.Principal.WindowsIdentity]::GetCurrent()
    return $Me.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)
}

# ---- Python and packages -------------------------------------------------------------------------------------

function Find-Python {
    foreach ($Words in @(@('py', '-3'), @('python'), @('python3'))) {
        $Program = Get-Command $Words[0] -ErrorAction SilentlyContinue
        if ($null -eq $Program) { continue }
        $Before = @($Words | Select-Object -Skip 1)
        $Ask = 'import sys; print(int(sys.version_info >= (3, 11) and sys.maxsize > 2**32))'
        try { $Fits = & $Program.Source @Before -c $Ask 2>$null } catch { continue }   # the Store's stand-in ends here
        if ("$Fits" -eq '1') { return [pscustomobject]@{ Program = $Program.Source; Before = $Before } }
    }
    Stop-Because 'wanted Python 3.11 or newer, 64 bit, found none; winget install Python.Python.3.12'
}

function Install-Packages {
    if ($Extras -notmatch '^[a-z]+(,[a-z]+)*$') { Stop-Because "wanted -Extras such as all or record,build, found '$Extras'" }
    $Found = Find-Python
    if (-not (Test-Path $Python) -and $PSCmdlet.ShouldProcess($Venv, 'make a virtual environment')) {
        & $Found.Program @($Found.Before) -m venv $Venv
        if ($LASTEXITCODE -ne 0) { Stop-Because "no virtual environment could be made: $Venv" }
    }
    if ($PSCmdlet.ShouldProcess($Venv, "install mavfer[$Extras] with the versions of constraints.txt")) {
        Push-Location $Root
        try {
            & $Python -m pip install --disable-pip-version-check -c constraints.txt -e ".[$Extras]"
            if ($LASTEXITCODE -ne 0) { Stop-Because 'the packages could not be installed; what pip printed stands above' }
            & $Python -m mavfer --version
        } finally { Pop-Location }
    }
}

# ---- what was there before -----------------------------------------------------------------------------------

function Read-Setting([string] $Scheme, [string] $Group, [string] $Setting) {
    # powercfg's words are in the system's language: the first of the last two numbers is the one on mains.
    $Numbers = @(powercfg /query $Scheme $Group $Setting | Select-String '0x[0-9a-fA-F]{8}' | ForEach-Object {
            [Convert]::ToInt64($_.Matches[0].Value, 16)
        })
    if ($Numbers.Count -lt 2) { return $null }
    return $Numbers[$Numbers.Count - 2]
}

function Get-Plan {
    $Line = "$(powercfg /getactivescheme)"
    if ($Line -notmatch '([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})') { Stop-Because "powercfg told no plan: $Line" }
    return $Matches[1]
}

function Read-Note {
    if (Test-Path $Note) { return Get-Content $Note -Raw | ConvertFrom-Json }
    return [pscustomobject]@{}
}

# What stands in the note was there before the first change ever made: it is not replaced by a later call.
function Add-Note([string] $Name, $Value) {
    $Known = Read-Note
    if ($null -ne $Known.PSObject.Properties[$Name]) { return }
    $Known | Add-Member -NotePropertyName $Name -NotePropertyValue $Value
    $Known | ConvertTo-Json -Depth 5 | Set-Content -Path "$Note.new" -Encoding UTF8
    Move-Item -Force "$Note.new" $Note
}

# ---- changes, one function for each switch --------------------------------------------------------------------

function Set-HighPerformance {
    if (-not $PSCmdlet.ShouldProcess('power', "plan 'high performance', no sleep on mains")) { return }
    Add-Note 'plan' (Get-Plan)
    powercfg /setactive $HighPlan
    if ($LASTEXITCODE -ne 0) {
        Say "this machine has no plan 'high performance' (usual with modern standby): the plan in use stays, its sleep is switched off"
    }
    $Plan = Get-Plan
    Add-Note "sleep $Plan" (Read-Setting $Plan $SubSleep $SleepAfter)
    powercfg /setacvalueindex $Plan $SubSleep $SleepAfter 0
    powercfg /setactive $Plan
    Say "power: plan $Plan, no sleep on mains"
}

function Set-NoUsbSuspend {
    if (-not $PSCmdlet.ShouldProcess('power', 'USB selective suspend off on mains')) { return }
    $Plan = Get-Plan
    Add-Note "usb $Plan" (Read-Setting $Plan $SubUsb $UsbSuspend)
    powercfg /setacvalueindex $Plan $SubUsb $UsbSuspend 0
    powercfg /setactive $Plan
    Say "power: USB selective suspend off in plan $Plan, on mains"
}

function Set-Exclusions {
    $Folder = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($SessionFolder)
    if (-not (Test-Path $Folder) -and $PSCmdlet.ShouldProcess($Folder, 'make the folder')) {
        New-Item -ItemType Directory -Path $Folder | Out-Null
    }
    if (-not $PSCmdlet.ShouldProcess("$Folder, $Venv", "leave out of Defender's scans")) { return }
    if ($null -eq (Get-Command Add-MpPreference -ErrorAction SilentlyContinue)) {
        Say "Defender is not here: leave $Folder out of your scanner's work by hand"
        return
    }
    $There = @((Get-MpPreference).ExclusionPath)
    $New = @(@($Folder, $Venv) | Where-Object { $There -notcontains $_ })
    if ($New.Count -eq 0) { Say 'Defender: both folders were left out already'; return }
    foreach ($One in $New) { Add-Note "exclusion $One" $One }
    Add-MpPreference -ExclusionPath $New
    Say "Defender: left out $($New -join ', ')"
}

function Set-Camera {
    $Card = Get-NetAdapter -Name $Camera -ErrorAction SilentlyContinue
    if ($null -eq $Card) {
        $Names = (Get-NetAdapter -Physical | ForEach-Object { "'$($_.Name)'" }) -join ', '
        Stop-Because "wanted one of the network cards $Names, found '$Camera'"
    }
    foreach ($Keyword in $Keywords.Keys) {
        $Property = Get-NetAdapterAdvancedProperty -Name $Camera -RegistryKeyword $Keyword -ErrorAction SilentlyContinue
        if ($null -eq $Property) { Say "${Camera}: its driver offers no $Keyword; left as it is"; continue }
        $Old = "$(@($Property.RegistryValue)[0])"
        $Wanted = $Keywords[$Keyword]
        if ($Wanted -eq 'max') {
            $Listed = @($Property.ValidRegistryValues | Where-Object { $_ -match '^\d+$' } | ForEach-Object { [int64] $_ })
            if ($Listed.Count -gt 0) { $Wanted = "$(($Listed | Measure-Object -Maximum).Maximum)" }
            elseif ("$($Property.NumericParameterMaxValue)" -match '^\d+$') { $Wanted = "$($Property.NumericParameterMaxValue)" }
            else { Say "${Camera}: its driver names no largest $Keyword; left as it is"; continue }
            if ($Keyword -eq '*JumboPacket' -and [int64] $Wanted -gt 9014 -and $Listed -contains 9014) { $Wanted = '9014' }
        }
        if ($Old -eq $Wanted) { Say "${Camera}: $Keyword is $Old already"; continue }
        if (-not $PSCmdlet.ShouldProcess($Camera, "$Keyword from $Old to $Wanted")) { continue }
        Add-Note "card $Camera $Keyword" @($Camera, $Keyword, $Old)
        Set-NetAdapterAdvancedProperty -Name $Camera -RegistryKeyword $Keyword -RegistryValue $Wanted -NoRestart
        Say "${Camera}: $Keyword from $Old to $Wanted"
    }
    if ($PSCmdlet.ShouldProcess($Camera, 'restart the card, so that it takes the values')) { Restart-NetAdapter -Name $Camera }
}

function Set-Firewall {
    if (-not $PSCmdlet.ShouldProcess('firewall', 'let UDP to .venv and TCP 5570-5573 in, on private networks')) { return }
    foreach ($Name in $Rules) { Get-NetFirewallRule -DisplayName $Name -ErrorAction SilentlyContinue | Remove-NetFirewallRule }
    New-NetFirewallRule -DisplayName $Rules[0] -Direction Inbound -Action Allow -Profile Private -Protocol TCP -LocalPort '5570-5573' | Out-Null
    # A virtual environment's python.exe starts the one that it was made from, which is the one that listens.
    $Program = "$(& $Python -c 'import sys; print(sys._base_executable)')"
    New-NetFirewallRule -DisplayName $Rules[1] -Direction Inbound -Action Allow -Profile Private -Protocol UDP -Program $Program | Out-Null
    Add-Note 'firewall' $true
    Say "firewall: TCP 5570-5573, and UDP to $Program, on private networks; is the camera's card in one (Get-NetConnectionProfile)?"
}

function Undo-All {
    if (-not (Test-Path $Note)) { Stop-Because "nothing was changed here that is known: $Note" }
    $Known = Read-Note
    if (-not $PSCmdlet.ShouldProcess('power, Defender, network card, firewall', "put back what stands in $Note")) { return }
    foreach ($One in $Known.PSObject.Properties) {
        $Words = $One.Name -split ' '
        switch ($Words[0]) {
            'sleep' { if ($null -ne $One.Value) { powercfg /setacvalueindex $Words[1] $SubSleep $SleepAfter $One.Value } }
            'usb' { if ($null -ne $One.Value) { powercfg /setacvalueindex $Words[1] $SubUsb $UsbSuspend $One.Value } }
            'exclusion' { Remove-MpPreference -ExclusionPath $One.Value }
            'card' {
                $Name, $Keyword, $Value = @($One.Value)
                Set-NetAdapterAdvancedProperty -Name $Name -RegistryKeyword $Keyword -RegistryValue $Value
            }
            'firewall' {
                foreach ($Name in $Rules) { Get-NetFirewallRule -DisplayName $Name -ErrorAction SilentlyContinue | Remove-NetFirewallRule }
            }
        }
        Say "undone: $($One.Name)"
    }
    $Plan = Get-Plan
    if ($null -ne $Known.PSObject.Properties['plan']) { $Plan = $Known.plan }
    powercfg /setactive $Plan
    Remove-Item $Note
    Say 'what is left: .venv and the session folder, which are yours to remove'
}

# ---- what is done --------------------------------------------------------------------------------------------

if ($env:OS -ne 'Windows_NT') { Stop-Because 'this is for Windows; on Linux: make setup' }
$Changes = $HighPerformance -or $NoUsbSuspend -or $SessionFolder -or $Camera -or $Firewall
if ($Undo -and $Changes) { Stop-Because 'wanted -Undo alone, found it with changes' }
if (($Undo -or $Changes) -and -not $WhatIfPreference -and -not (Test-Administrator)) {
    Stop-Because 'this changes the system: start PowerShell as administrator; or call it with -WhatIf, or without these switches'
}
if ($Undo) { Undo-All; exit 0 }
if (-not $SkipPackages) { Install-Packages }
if ($HighPerformance) { Set-HighPerformance }
if ($NoUsbSuspend) { Set-NoUsbSuspend }
if ($SessionFolder) { Set-Exclusions }
if ($Camera) { Set-Camera }
if ($Firewall) { Set-Firewall }
if ($Changes) { Say "what was there before stands in $Note; to go back: tools\setup_windows.ps1 -Undo" }
Say "next: $Venv\Scripts\Activate.ps1, then mavfer doctor, and docs\first-contact.md"
